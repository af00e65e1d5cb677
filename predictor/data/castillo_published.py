"""CASTILLO as its authors publish it: the Hugging Face data set ``danfperam/castillo``.

The files are ``<config>/<config>_<split>.json``. Each file is a list with one object for each
prompt and model: ``prompt_id``, ``model`` (``owner--name``), ``dataset``, ``prompt_text``,
``input_size``, ``output_sizes`` (the lengths of the samples), statistics of the lengths, two
answers, and the sampling settings. The fields are those of the authors' repository
(``castillo_code``), from which the data set is merged. Parquet files with the same columns are
read as well. The configuration ``original`` is complete; ``sanitized`` lacks the degenerate
answers, and ``degenerate`` holds them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from predictor.data.parquet import has_column, read_table
from predictor.data.records import DataError, Records

log = logging.getLogger("lengthwise")

CAPPED = 14_999
"""The length in tokens from which the authors count an answer as cut (censored)."""

_FIELDS = ("prompt_id", "model", "dataset", "prompt_text", "output_sizes")
_SPLITS = {"train": "train", "validat": "validate", "test": "test"}
_REMEDY = "fetch the data set danfperam/castillo again"

Row = dict[str, Any]


def is_published(path: Path) -> bool:
    """True if ``path`` is a file of the published data set or a folder that holds one."""
    return any(_is_data_file(file) for file in _files(path))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for kind in ("json", "parquet") for file in path.rglob(f"*.{kind}"))


def _is_data_file(file: Path) -> bool:
    if _is_parquet(file):
        return has_column(file, "output_sizes")
    with file.open("rb") as opened:
        head = opened.read(1 << 12).lstrip()
    return head.startswith(b"[") and b'"sample_id"' in head


def read_published(path: Path, *, test: bool = False) -> Records:
    """The samples below ``path``: the splits train and validate, or with ``test`` the test split.

    Of several configurations, only ``original`` is read.

    Raises:
        DataError: a file is damaged or lacks a field, or no file of the wanted split is there.
    """
    files = _one_configuration([file for file in _files(path) if _is_data_file(file)])
    wanted = [(file, split) for file in files if ((split := _split(file)) == "test") == test]
    if not wanted:
        which = "test" if test else "train or validate"
        raise DataError(f"{path} has no file of the split {which}; {_REMEDY}")
    builder = _RecordsBuilder()
    for file, split in wanted:
        for row in _rows(file):
            builder.add(row, split)
    return builder.records()


def _one_configuration(files: Sequence[Path]) -> list[Path]:
    """The files of the best configuration among ``files``, so that no row counts twice."""
    original = [file for file in files if "original" in _title(file)]
    if original:
        return original
    sanitized = [file for file in files if "sanitized" in _title(file)]
    if sanitized:
        log.warning(
            "%s is the sanitized configuration, without the answers that never end; forecasts "
            "will have too little mass at great lengths. Fetch the configuration original",
            sanitized[0].parent,
        )
    return sanitized or list(files)


def _title(file: Path) -> str:
    return "/".join(file.parts[-3:]).lower()


def _split(file: Path) -> str:
    """The split named in the file's name, else in the folder's name, else "train"."""
    for name in (file.name, file.parent.name):
        for mark, split in _SPLITS.items():
            if mark in name.lower():
                return split
    return "train"


def _rows(file: Path) -> Iterator[Row]:
    rows = read_table(file, _FIELDS).to_pylist() if _is_parquet(file) else _json(file)
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
    """A hook that makes the JSON parser drop all but ``fields``; most of a file is dropped."""
    return lambda pairs: {key: value for key, value in pairs if key in fields}


class _RecordsBuilder:
    """Collects rows one at a time and makes ``Records`` of them."""

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
        return Records.of_texts(
            list(self._texts),
            corpus=np.array(self._corpus, dtype=np.str_),
            validate=np.array(self._validate, dtype=np.bool_),
            models=list(self._models),
            prompt=np.array(self._prompt, dtype=np.intp),
            model=np.array(self._model, dtype=np.intp),
            tokens=tokens,
            censored=tokens >= CAPPED,
        )
