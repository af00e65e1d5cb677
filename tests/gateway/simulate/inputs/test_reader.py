"""The reader is chosen by what the file is; what is no file of requests is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.simulate.inputs.reader import read_arrival_times, read_source
from predictor.data.records import DataError
from tests.gateway.simulate.inputs.files import OPTIONS, write_parquet


def test_a_path_that_is_no_file_of_requests_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_text("no parquet")
    for path, message in (
        (tmp_path / "absent", "does not exist; give JSON lines, a served log"),
        (tmp_path, "folder without a served log"),
        (tmp_path / "bad.parquet", "cannot be read as Parquet"),
    ):
        with pytest.raises(DataError, match=message):
            read_source(path, OPTIONS)


def test_a_trace_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no rows"):
        read_source(write_parquet(tmp_path, input_tokens=[], output_tokens=[]), OPTIONS)


def test_a_trace_without_arrivals_is_refused_as_arrivals(tmp_path: Path) -> None:
    trace = write_parquet(tmp_path, t=[None, None], input_tokens=[1, 1], output_tokens=[1, 1])
    with pytest.raises(DataError, match="no arrivals; give Parquet with a column t"):
        read_arrival_times(trace)


def test_without_a_file_castillo_has_to_be_there() -> None:
    with pytest.raises(DataError, match="give CASTILLO's folder with --data"):
        read_source(None, OPTIONS)
