"""A folder written by `lengthwise collect`, as records."""

from __future__ import annotations

from pathlib import Path

from predictor.data.castillo import read_tables
from predictor.data.records import Records

LENGTHS, PROMPTS = "lengths_collected", "prompts_collected"
"""Names of the files without their suffixes ``.parquet`` and ``.jsonl``."""


def read_collected(folder: Path, *, test: bool = False) -> Records:
    """The samples in ``folder``: all splits but ``test``, or with ``test`` only the split ``test``.

    Raises:
        DataError: a file is absent or damaged, or lacks a column.
    """
    records, split = read_tables(folder / f"{LENGTHS}.parquet", folder / f"{PROMPTS}.parquet")
    return records.of_prompts((split == "test") == test)
