"""CASTILLO's local files, and which prompts and models may train a model that ships."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Flags, Indices
from predictor.data.parquet import flags, numbers, read_table, strings
from predictor.data.records import DataError, Records

LENGTHS, PROMPTS, MODELS = (
    "lengths_castillo.parquet",
    "prompts_castillo.parquet",
    "models_castillo.csv",
)
"""Names of the files: one row per sample, one row per prompt, and the models' licences."""

LICENCES = {
    "Alpaca": "CC-BY-NC-4.0",
    "Apps": "MIT",
    "BigCodeBench": "Apache-2.0",
    "DS1000": "CC-BY-SA-4.0",
    "DollyDataset": "CC-BY-SA-3.0",
    "Mbpp": "CC-BY-4.0",
    "ShareGPT": "unclear",
}
"""Licences of the prompts by corpus of CASTILLO."""

LICENSED_CORPORA = ("Apps", "BigCodeBench", "DS1000", "DollyDataset", "Mbpp")
"""Corpora whose prompts may train a model that ships: MIT, Apache-2.0, CC-BY, CC-BY-SA.

CC-BY-SA (DS1000, DollyDataset) binds adaptations of the text. The shipped model holds weights
summed over thousands of prompts and counts of lines, digits and the like. No text can be read
back from these weights and counts, and the model card names the authors. Alpaca (non-commercial)
and ShareGPT (unclear licence) are left out.
"""

CORPORA = (*LICENSED_CORPORA, "Alpaca", "ShareGPT")
"""All of CASTILLO's corpora."""


def read_castillo(folder: Path) -> Records:
    """All samples of CASTILLO in ``folder``.

    Raises:
        DataError: a file is absent or damaged, or lacks a column.
    """
    for name in (LENGTHS, PROMPTS, MODELS):
        if not (folder / name).is_file():
            raise DataError(
                f"{folder / name} is not there; give the folder with {LENGTHS}, {PROMPTS} and "
                f"{MODELS} (data set danfperam/castillo) as --data"
            )
    records, _ = read_tables(folder / LENGTHS, folder / PROMPTS)
    return replace(records, free=_is_licensed(records, folder))


def read_tables(lengths_file: Path, prompts_file: Path) -> tuple[Records, NDArray[np.object_]]:
    """The samples of two Parquet files in CASTILLO's schema, and the split of each prompt (P).

    Raises:
        DataError: a file is absent or damaged, lacks a column, or the lengths name a prompt that
            the prompts lack.
    """
    lengths = read_table(lengths_file, ["prompt_id", "model", "response_tokens", "capped"])
    prompts = read_table(prompts_file, ["prompt_id", "dataset", "split", "prompt"])
    split = strings(prompts, "split")
    models, model = np.unique(strings(lengths, "model"), return_inverse=True)
    try:
        prompt = _positions(strings(lengths, "prompt_id"), strings(prompts, "prompt_id"))
    except KeyError as error:
        raise DataError(
            f"{prompts_file} lacks prompt {error}, which {lengths_file.name} names; make or fetch "
            "both files again"
        ) from error
    records = Records.of_texts(
        strings(prompts, "prompt").tolist(),
        corpus=strings(prompts, "dataset").astype(np.str_),
        validate=split == "validate",
        models=models.tolist(),
        prompt=prompt,
        model=model,
        tokens=np.maximum(1.0, numbers(lengths, "response_tokens")),
        censored=flags(lengths, "capped"),
    )
    return records, split


def _positions(keys: NDArray[np.object_], known: NDArray[np.object_]) -> Indices:
    """The position of each key in ``known``; raises KeyError for a key that ``known`` lacks."""
    position = {key: index for index, key in enumerate(known)}
    return np.array([position[key] for key in keys], dtype=np.intp)


def find_licences(folders: Sequence[Path]) -> Path:
    """The first of the ``folders`` that holds the models' licences.

    Raises:
        DataError: no folder holds the licences.
    """
    for folder in folders:
        if (folder / MODELS).is_file():
            return folder
    raise DataError(
        f"--licensed-only reads the models' licences from {MODELS}, which is in none of "
        f"{', '.join(map(str, folders))}; give CASTILLO's folder as --data"
    )


def licensed(records: Records, folder: Path) -> Records:
    """The samples whose prompt and model both have a licence that lets a trained model ship.

    CASTILLO's samples follow from its corpora and the licences in ``folder``, the samples of other
    sources from ``Records.free``.
    """
    ours = np.isin(records.corpus, CORPORA)[records.prompt]
    return records.of_samples(np.where(ours, _is_licensed(records, folder), records.free))


def _is_licensed(records: Records, folder: Path) -> Flags:
    """Which samples (n) of CASTILLO's corpora have licences that let a trained model ship."""
    with (folder / MODELS).open(newline="", encoding="utf-8") as file:
        free = [row["model"] for row in csv.DictReader(file) if _is_unrestricted(row)]
    prompts, models = np.isin(records.corpus, LICENSED_CORPORA), np.isin(records.models, free)
    return np.asarray(prompts[records.prompt] & models[records.model], dtype=np.bool_)


def _is_unrestricted(row: dict[str, str]) -> bool:
    return row["output_use_unrestricted"].strip().lower() == "true"
