"""Columns of Parquet files as numpy arrays; an error names the file and the column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from predictor.arrays import Array, Flags
from predictor.data.records import DataError


def read_table(
    path: Path,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    rows: pc.Expression | None = None,
) -> pa.Table:
    """The ``columns`` of a Parquet file, and those of the ``optional`` columns that it has.

    Reads all rows, or those for which the expression ``rows`` is true.

    Raises:
        DataError: the file is absent or damaged, or lacks one of ``columns``.
    """
    try:
        names = pq.read_schema(path).names
        lacking = [name for name in columns if name not in names]
        if lacking:
            raise DataError(f"{path} has no column {lacking[0]}; it has {', '.join(names)}")
        present = [name for name in optional if name in names]
        return pq.read_table(path, columns=[*columns, *present], filters=rows)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}; make or fetch the file again") from error


def has_column(path: Path, column: str) -> bool:
    """True if ``path`` is a readable Parquet file with that column."""
    try:
        return column in pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return False


def strings(table: pa.Table, column: str) -> NDArray[np.object_]:
    """A column of texts; null is None."""
    values = table[column].cast(pa.string()).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.object_)


def numbers(table: pa.Table, column: str) -> Array:
    """A column of numbers or truth values; null is NaN."""
    return np.asarray(table[column].to_numpy(zero_copy_only=False), dtype=np.float64)


def flags(table: pa.Table, column: str) -> Flags:
    """A column of truth values without nulls."""
    return np.asarray(table[column].to_numpy(zero_copy_only=False), dtype=np.bool_)
