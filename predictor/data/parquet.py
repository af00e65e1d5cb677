"""Columns of Parquet files as arrays, or a message that says which file and column is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from predictor.arrays import Array
from predictor.data.records import DataError


def read_table(path: Path, columns: list[str]) -> pa.Table:
    """These columns of a Parquet file.

    Raises:
        DataError: the file is absent, damaged or lacks a column.
    """
    try:
        names = pq.read_schema(path).names
        lacking = [name for name in columns if name not in names]
        if lacking:
            raise DataError(f"{path} has no column {lacking[0]}; it has {', '.join(names)}")
        return pq.read_table(path, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}; make or fetch it again") from error


def strings(table: pa.Table, column: str) -> NDArray[np.object_]:
    """A column of texts."""
    values = table[column].cast(pa.string()).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.object_)


def numbers(table: pa.Table, column: str) -> Array:
    """A column of numbers or truth values."""
    return np.asarray(table[column].to_numpy(zero_copy_only=False), dtype=np.float64)
