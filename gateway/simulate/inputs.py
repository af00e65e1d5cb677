"""Which reader a source of requests needs, by what it is; and the arrivals of a trace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.simulate import lengths, served
from gateway.simulate.castillo import MODEL, read_pool
from gateway.simulate.jsonl import Forecasts, read_json_lines
from gateway.simulate.lengths import SIGMA, ascending, read_lengths
from gateway.simulate.served import read_served
from gateway.simulate.source import Source
from predictor.data.records import DataError
from predictor.served import LogError
from predictor.served import read as read_log

KINDS = (
    "JSON lines, a served log (its folder, or the Parquet file of `lengthwise log --out`), or "
    "Parquet with the columns input_tokens and output_tokens"
)


@dataclass(frozen=True, slots=True)
class Options:
    """How requests are read: see the flags of ``lengthwise simulate``."""

    data: Path
    model: str = MODEL
    model_dir: Path | None = None
    tier: str = "fast"
    held_out: bool = True
    sigma: float = SIGMA


def read_source(path: Path | None, options: Options) -> Source:
    """The requests in ``path`` (None: CASTILLO's).

    Raises:
        DataError: they cannot be used; the message names file, line, field, value and remedy.
        ArtifactError: the predictor is unusable.
    """
    if path is None:
        return read_pool(
            options.data,
            model=options.model,
            model_dir=options.model_dir,
            tier=options.tier,
            held_out=options.held_out,
        )
    table = _table(path)
    if table is None:
        return read_json_lines(path, Forecasts(options.model_dir, options.tier))
    if set(served.COLUMNS) <= set(table.column_names):
        return read_served(path, table)
    absent = [name for name in lengths.COLUMNS if name not in table.column_names]
    if absent:
        raise DataError(f"{path} has no column {', '.join(absent)}; give {KINDS} as --requests")
    return read_lengths(path, table, sigma=options.sigma)


def read_times(path: Path) -> list[float]:
    """The arrivals of a trace: column ``t`` of a Parquet file, or those of a served log.

    Raises:
        DataError: there are none.
    """
    table = _table(path) if path.exists() else None
    for column in ("t", "arrival"):
        if table is not None and column in table.column_names:
            times = ascending(path, table.sort_by(column), column)
            if times:
                return times
    raise DataError(
        f"{path} has no arrivals; give Parquet with a column t (seconds) or a served log as "
        "--arrivals, or one of poisson, gamma, own"
    )


def _table(path: Path) -> pa.Table | None:
    """The rows of a served log or of a Parquet file; None if it is neither."""
    if path.is_dir():
        if not any(path.glob("served-*.*")):
            raise DataError(f"{path} is a folder without a served log; give {KINDS}")
        try:
            return read_log(path)
        except LogError as error:
            raise DataError(str(error)) from error
    if not path.is_file():
        raise DataError(f"{path} is not there; give {KINDS}")
    if path.suffix != ".parquet":
        return None
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}; give {KINDS}") from error
    if not table.num_rows:
        raise DataError(f"{path} has no rows; give {KINDS}")
    return table
