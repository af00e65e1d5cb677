"""CASTILLO as its authors publish it: the Hugging Face data set ``danfperam/castillo``.

Its files are ``<config>/<config>_<split>.json``, each a list with one object for a prompt and a
model: ``prompt_id``, ``model`` (``owner--name``), ``dataset``, ``prompt_text``, ``input_size``,
``output_sizes`` (the lengths of the samples), their statistics, two answers, and the sampling
settings. The columns are those of the files in the authors' own repository (``castillo_code``),
from which the data set is merged; Parquet with the same columns is read as well. The
configuration ``original`` is whole; ``sanitized`` lacks the degenerate answers, which
``degenerate`` has.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from predictor.data.parquet import read_table
from predictor.data.records import DataError, Records

log = logging.getLogger("lengthwise")

CAPPED = 14_999
"""Tokens from which the authors take an answer as cut."""

_FIELDS = ("prompt_id", "model", "dataset", "prompt_text", "output_sizes")
_SPLITS = {"train": "train", "validat": "validate", "test": "test"}
_REMEDY = "fetch the data set danfperam/castillo again"

Row = dict[str, Any]


def is_hub(path: Path) -> bool:
    """Whether ``path`` is, or holds, a file of the published data set."""
    return any(_is_ours(file) for file in _files(path))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for kind in ("json", "parquet") for file in path.rglob(f"*.{kind}"))


def _is_ours(file: Path) -> bool:
    if file.suffix == ".parquet":
        try:
            return "output_sizes" in pq.read_schema(file).names
        except (pa.ArrowException, OSError):
            return False
    with file.open("rb") as begun:
        head = begun.read(1 << 12).lstrip()
    return head.startswith(b"[") and b'"sample_id"' in head


def read_hub(path: Path, *, test: bool = False) -> Records:
    """The samples below ``path``: of the splits train and validate, or only those of ``test``.

    If there are several configurations, ``original`` is read.

    Raises:
        DataError: a file is damaged or lacks a field, or nothing is left.
    """
    files = _configuration([file for file in _files(path) if _is_ours(file)])
    chosen = [(file, split) for file in files if ((split := _split(file)) == "test") == test]
    if not chosen:
        which = "test" if test else "train or validate"
        raise DataError(f"{path} has no file of the split {which}; {_REMEDY}")
    gather = _Gather()
    for file, split in chosen:
        for row in _rows(file):
            gather.add(row, split)
    return gather.records()


def _configuration(files: Sequence[Path]) -> list[Path]:
    """The files of one configuration: a row must not count twice."""
    whole = [file for file in files if "original" in _title(file)]
    if whole:
        return whole
    clean = [file for file in files if "sanitized" in _title(file)]
    if clean:
        log.warning(
            "%s is the sanitized configuration, without the answers that never end; forecasts "
            "will have too little mass far out. Fetch the configuration original",
            clean[0].parent,
        )
    return clean or list(files)


def _title(file: Path) -> str:
    return "/".join(file.parts[-3:]).lower()


def _split(file: Path) -> str:
    """The split that the file's or else its folder's name tells; "train" if none."""
    for part in (file.name, file.parent.name):
        for mark, split in _SPLITS.items():
            if mark in part.lower():
                return split
    return "train"


def _rows(file: Path) -> Iterator[Row]:
    rows = read_table(file, list(_FIELDS)).to_pylist() if _is_parquet(file) else _json(file)
    for number, row in enumerate(rows, 1):
        for field in _FIELDS:
            if not isinstance(row, dict) or row.get(field) is None:
                raise DataError(f"{file}, row {number} has no {field}; {_REMEDY}")
        yield row


def _is_parquet(file: Path) -> bool:
    return file.suffix == ".parquet"


def _json(file: Path) -> list[Row]:
    try:
        with file.open(encoding="utf-8") as text:
            rows = json.load(text, object_pairs_hook=_only(_FIELDS))
    except (ValueError, OSError) as error:
        raise DataError(f"{file} cannot be read: {error}; {_REMEDY}") from error
    return list(rows)


def _only(fields: Sequence[str]) -> Callable[[list[tuple[str, Any]]], Row]:
    """Drops the other fields while parsing: the answers' texts are most of a file."""
    return lambda pairs: {key: value for key, value in pairs if key in fields}


class _Gather:
    """Rows, as they come, into arrays."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._models: dict[str, int] = {}
        self._corpus: list[str] = []
        self._validate: list[bool] = []
        self._prompt: list[int] = []
        self._model: list[int] = []
        self._tokens: list[int] = []

    def add(self, row: Row, split: str) -> None:
        prompt = self._texts.setdefault(row["prompt_text"], len(self._texts))
        if prompt == len(self._corpus):
            self._corpus.append(row["dataset"])
            self._validate.append(split == "validate")
        name = row["model"].replace("--", "/", 1)
        model = self._models.setdefault(name, len(self._models))
        sizes = row["output_sizes"]
        self._prompt += [prompt] * len(sizes)
        self._model += [model] * len(sizes)
        self._tokens += sizes

    def records(self) -> Records:
        tokens = np.maximum(1.0, np.array(self._tokens, dtype=np.float64))
        return Records(
            texts=list(self._texts),
            corpus=np.array(self._corpus, dtype=np.str_),
            validate=np.array(self._validate, dtype=np.bool_),
            models=list(self._models),
            prompt=np.array(self._prompt, dtype=np.intp),
            model=np.array(self._model, dtype=np.intp),
            tokens=tokens,
            capped=tokens >= CAPPED,
        )
