"""Measured lengths as arrays: the CASTILLO reader, the held-out rule, the licence filter."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

LICENSED_CORPORA = ("Apps", "BigCodeBench", "DS1000", "DollyDataset", "Mbpp")
"""Corpora whose prompts may train a model that ships: MIT, Apache-2.0, CC-BY, CC-BY-SA.

CC-BY-SA (DS1000, DollyDataset) binds adaptations of the text; what ships are weights summed over
thousands of prompts and counts of lines, digits and the like, from which no text can be read back,
with the authors named. Alpaca (non-commercial) and ShareGPT (unclear) are left out.
"""

_FILES = ("lengths_castillo.parquet", "prompts_castillo.parquet", "models_castillo.csv")


class DataError(ValueError):
    """The training data cannot be used; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Records:
    """Sampled lengths of answers.

    Of each of P prompts: ``texts``, ``corpus`` (name) and ``validate`` (the publisher's split).
    Of each of n samples: ``prompt`` (0..P-1), ``model`` (index into ``models``), ``tokens`` and
    ``capped`` (right-censored).
    """

    texts: list[str]
    corpus: NDArray[np.str_]
    validate: NDArray[np.bool_]
    models: list[str]
    prompt: NDArray[np.intp]
    model: NDArray[np.intp]
    tokens: NDArray[np.float64]
    capped: NDArray[np.bool_]

    def of_prompts(self, keep: NDArray[np.bool_]) -> Records:
        """The samples of the prompts marked in ``keep`` (P), prompts renumbered."""
        number = np.cumsum(keep) - 1
        rows = keep[self.prompt]
        return replace(
            self,
            texts=[text for text, kept in zip(self.texts, keep, strict=True) if kept],
            corpus=self.corpus[keep],
            validate=self.validate[keep],
            prompt=number[self.prompt[rows]],
            model=self.model[rows],
            tokens=self.tokens[rows],
            capped=self.capped[rows],
        )

    def of_models(self, names: list[str]) -> Records:
        """The samples of the models ``names``, models renumbered in that order."""
        number = np.full(len(self.models), -1)
        for at, name in enumerate(names):
            number[self.models.index(name)] = at
        rows = number[self.model] >= 0
        return replace(
            self,
            models=list(names),
            prompt=self.prompt[rows],
            model=number[self.model[rows]],
            tokens=self.tokens[rows],
            capped=self.capped[rows],
        )


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


def _numbers(table: pa.Table, column: str) -> NDArray[np.float64]:
    return np.asarray(table[column].to_numpy(), dtype=np.float64)


def _lookup(wanted: NDArray[np.object_], known: NDArray[np.object_]) -> NDArray[np.intp]:
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


def digest(text: str) -> str:
    """What orders prompts: SHA-256 of the text, so that anyone can recompute a split."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def holdout_rule(records: Records, count: int) -> str:
    """The digest up to which a ``validate`` prompt is held out; "" holds out none.

    At most half of the ``validate`` prompts: two corpora occur in no other split, and a model
    that has seen none of them is not the one to measure.
    """
    ordered = sorted(
        digest(text) for text, out in zip(records.texts, records.validate, strict=True) if out
    )
    count = min(count, len(ordered) // 2)
    return ordered[count - 1] if count > 0 else ""


def held_out(records: Records, threshold: str) -> NDArray[np.bool_]:
    """Which prompts the rule keeps out of training: ``validate`` and digest <= threshold."""
    small = np.array([digest(text) <= threshold for text in records.texts], dtype=np.bool_)
    return np.asarray(small & records.validate)


def folds(texts: list[str], count: int) -> NDArray[np.intp]:
    """A fold (0..count-1) for each prompt by its digest's end: equal texts stay together."""
    return np.array([int(digest(text)[-8:], 16) % count for text in texts], dtype=np.intp)
