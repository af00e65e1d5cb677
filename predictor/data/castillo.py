"""CASTILLO's local files, and which of its prompts and models may train a model that ships."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from predictor.arrays import Array, Indices
from predictor.data.records import DataError, Records

LICENSED_CORPORA = ("Apps", "BigCodeBench", "DS1000", "DollyDataset", "Mbpp")
"""Corpora whose prompts may train a model that ships: MIT, Apache-2.0, CC-BY, CC-BY-SA.

CC-BY-SA (DS1000, DollyDataset) binds adaptations of the text; what ships are weights summed over
thousands of prompts and counts of lines, digits and the like, from which no text can be read back,
with the authors named. Alpaca (non-commercial) and ShareGPT (unclear) are left out.
"""


_FILES = ("lengths_castillo.parquet", "prompts_castillo.parquet", "models_castillo.csv")


def read_castillo(folder: Path) -> Records:
    """All samples of CASTILLO in ``folder``.

    Raises:
        DataError: a file is absent or lacks a column.
    """
    for name in _FILES:
        if not (folder / name).is_file():
            raise DataError(
                f"{folder / name} is not there; give the folder with {', '.join(_FILES)} "
                "(data set danfperam/castillo) as --data"
            )
    lengths = _read(folder / _FILES[0], ["prompt_id", "model", "response_tokens", "capped"])
    prompts = _read(folder / _FILES[1], ["prompt_id", "dataset", "split", "prompt"])
    names = _strings(lengths, "model")
    models, model = np.unique(names, return_inverse=True)
    return Records(
        texts=_strings(prompts, "prompt").tolist(),
        corpus=_strings(prompts, "dataset").astype(np.str_),
        validate=_strings(prompts, "split") == "validate",
        models=models.tolist(),
        prompt=_lookup(_strings(lengths, "prompt_id"), _strings(prompts, "prompt_id")),
        model=model,
        tokens=np.maximum(1.0, _numbers(lengths, "response_tokens")),
        capped=_numbers(lengths, "capped").astype(np.bool_),
    )


def _read(path: Path, columns: list[str]) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DataError(f"{path}: {error}; fetch the data set again") from error


def _strings(table: pa.Table, column: str) -> NDArray[np.object_]:
    strings = table[column].cast(pa.string()).to_numpy()
    return np.asarray(strings, dtype=np.object_)


def _numbers(table: pa.Table, column: str) -> Array:
    return np.asarray(table[column].to_numpy(), dtype=np.float64)


def _lookup(wanted: NDArray[np.object_], known: NDArray[np.object_]) -> Indices:
    at = {name: i for i, name in enumerate(known)}
    try:
        return np.array([at[name] for name in wanted], dtype=np.intp)
    except KeyError as error:
        raise DataError(f"lengths name prompt {error}, which {_FILES[1]} lacks") from error


def licensed(records: Records, folder: Path) -> Records:
    """Only samples whose prompt's and whose model's licence let a trained model ship."""
    with (folder / _FILES[2]).open(newline="", encoding="utf-8") as file:
        free = {row["model"] for row in csv.DictReader(file) if _true(row)}
    kept = records.of_prompts(np.isin(records.corpus, LICENSED_CORPORA))
    return kept.of_models([name for name in kept.models if name in free])


def _true(row: dict[str, str]) -> bool:
    return row["output_use_unrestricted"].strip().lower() == "true"
