"""Chooses the reader for a file of requests; reads the arrivals of a trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.simulate.inputs import length_trace, served_log
from gateway.simulate.inputs.castillo import MODEL, castillo_source
from gateway.simulate.inputs.forecasts import Forecasting
from gateway.simulate.inputs.json_lines import json_lines_source
from gateway.simulate.inputs.length_trace import SIGMA, ascending_times, length_trace_source
from gateway.simulate.inputs.published import published_table
from gateway.simulate.inputs.served_log import served_log_source
from gateway.simulate.inputs.source import RequestSource
from predictor.data.records import DataError
from predictor.served_log import LogError
from predictor.served_log import read as read_log

FORMATS = (
    "JSON lines, a served log (its folder, or the Parquet file of `lengthwise log --out`), or "
    "Parquet with the columns input_tokens and output_tokens, or a trace as Azure, BurstGPT, "
    "Mooncake or `vllm bench serve --save-detailed` publish it"
)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How requests are read: see the flags of ``lengthwise simulate``."""

    data: Path
    model: str = MODEL
    forecasting: Forecasting = field(default_factory=Forecasting)
    held_out: bool = True
    sigma: float = SIGMA


def read_source(path: Path | None, options: ReadOptions) -> RequestSource:
    """The requests in ``path``; None stands for CASTILLO.

    Raises:
        DataError: the requests cannot be used; the message names file, line, field, value and
            remedy.
        ArtefactError: the predictor cannot be used.
    """
    if path is None:
        return castillo_source(
            options.data,
            model=options.model,
            how=options.forecasting,
            held_out=options.held_out,
        )
    table = _table(path)
    if table is None:
        return json_lines_source(path, options.forecasting)
    if set(served_log.COLUMNS) <= set(table.column_names):
        return served_log_source(path, table)
    absent = [name for name in length_trace.COLUMNS if name not in table.column_names]
    if absent:
        raise DataError(f"{path} has no column {', '.join(absent)}; give {FORMATS} as --requests")
    return length_trace_source(path, table, sigma=options.sigma)


def read_arrival_times(path: Path) -> list[float]:
    """Ascending seconds: column ``t`` of a Parquet file, or the arrivals of a served log.

    Raises:
        DataError: the file has neither.
    """
    table = _table(path) if path.exists() else None
    for column in ("t", "arrival"):
        if table is not None and column in table.column_names:
            times = ascending_times(path, table.sort_by(column), column)
            if times:
                return times
    raise DataError(
        f"{path} has no arrivals; give Parquet with a column t (seconds) or a served log as "
        "--arrivals, or one of poisson, gamma, own"
    )


def _table(path: Path) -> pa.Table | None:
    """The rows of a served log or of a Parquet file; None for any other file."""
    if path.is_dir():
        return _served_log_table(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist; give {FORMATS}")
    table = _parquet(path) if path.suffix == ".parquet" else published_table(path)
    if table is not None and not table.num_rows:
        raise DataError(f"{path} has no rows; give {FORMATS}")
    return table


def _parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}; give {FORMATS}") from error


def _served_log_table(folder: Path) -> pa.Table:
    if not any(folder.glob("served-*.*")):
        raise DataError(f"{folder} is a folder without a served log; give {FORMATS}")
    try:
        return read_log(folder)
    except LogError as error:
        raise DataError(str(error)) from error
