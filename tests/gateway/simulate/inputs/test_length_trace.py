"""A trace of lengths: forecasts drawn with the given error, and bad rows."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from statistics import fmean, pstdev
from typing import Any

import pytest

from gateway.simulate.inputs.length_trace import draw_forecast
from gateway.simulate.inputs.reader import read_arrival_times, read_source
from predictor.data.records import DataError
from tests.gateway.simulate.inputs.files import OPTIONS, all_requests, write_parquet


def test_drawn_forecasts_have_the_given_error_and_are_calibrated() -> None:
    rng = Random(1)
    forecasts = [draw_forecast(300, 0.4, rng) for _ in range(4000)]
    errors = [math.log(forecast.quantile(0.5) / 300) for forecast in forecasts]
    assert fmean(errors) == pytest.approx(0.0, abs=0.05)
    assert pstdev(errors) == pytest.approx(0.4, rel=0.05)
    inside = fmean(f.quantile(0.1) <= 300 <= f.quantile(0.9) for f in forecasts)
    assert inside == pytest.approx(0.8, abs=0.04)
    assert draw_forecast(300, 0.0, rng).mean == 300


def test_a_trace_has_lengths_arrivals_and_tenants(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path, t=[0.0, 2.0], input_tokens=[3, 4], output_tokens=[5, 0], client=[7, 8]
    )
    source = read_source(path, OPTIONS)
    requests = all_requests(source)
    assert [(r.prompt_tokens, r.output_tokens, r.tenant) for r in requests] == [
        (3, 5, "7"),
        (4, 0, "8"),
    ]
    assert source.times == read_arrival_times(path) == [0.0, 2.0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"input_tokens": [1], "output": [2]}, "no column output_tokens"),
        (
            {"input_tokens": [1, 2], "output_tokens": [5, -1]},
            "row 2, column output_tokens: -1 is not a token count",
        ),
        ({"input_tokens": [1, None], "output_tokens": [5, 5]}, "row 2, column input_tokens: None"),
        (
            {"t": [2.0, 1.0], "input_tokens": [1, 2], "output_tokens": [5, 5]},
            "row 2, column t: 1.0 is not a time after 2.0; .*sort the rows by t",
        ),
    ],
)
def test_a_bad_trace_is_refused_with_row_column_and_value(
    columns: dict[str, list[Any]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_source(write_parquet(tmp_path, **columns), OPTIONS)
