"""Where simulated requests come from: JSON lines, a served log, lengths alone."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random
from statistics import fmean, pstdev
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.simulate.inputs import Options, read_source, read_times
from gateway.simulate.lengths import forecast
from gateway.simulate.source import Source
from predictor.data.records import DataError
from predictor.outlook import QUANTILES
from predictor.served.record import SCHEMA, ServedRecord, line
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

OPTIONS = Options(data=Path("absent"))
LINE = {"model": "m", "prompt": "Say something.", "prompt_tokens": 5, "output_tokens": 40}


def json_lines(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "requests.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def parquet(folder: Path, **columns: list[Any]) -> Path:
    path = folder / "trace.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def served(at: float, **fields: Any) -> ServedRecord:
    usual: dict[str, Any] = {
        "id": f"r{at}",
        "arrival": at,
        "finished": at + 9,
        "model": "m",
        "endpoint": "/v1/completions",
        "prompt_tokens": 7,
        "output_tokens": 60,
        "finish_reason": "stop",
        "censored": False,
        "tier": "fast",
        "tenant": "abc",
    }
    return ServedRecord(**{**usual, **fields})


def log(folder: Path, *records: ServedRecord) -> Path:
    (folder / "served-000000000000.jsonl").write_bytes(b"".join(map(line, records)))
    return folder


def all_of(source: Source) -> list[Request]:
    return source.draw(source.size, 0, in_order=True)


def test_json_lines_become_requests_with_the_predictors_forecasts(tmp_path: Path) -> None:
    chat = {**LINE, "messages": [{"role": "user", "content": "Hi"}], "output_tokens": 9}
    del chat["prompt"]
    capped = {**LINE, "max_tokens": 3}
    source = read_source(json_lines(tmp_path, LINE, chat, capped), OPTIONS)
    requests = all_of(source)
    assert [(r.prompt_tokens, r.output_tokens) for r in requests] == [(5, 40), (5, 9), (5, 40)]
    assert requests[0].length.tokens[-1] > 100
    assert requests[2].length.tokens[-1] == 3
    assert not source.times


def test_json_lines_may_carry_their_arrivals(tmp_path: Path) -> None:
    rows = [{**LINE, "arrival": at} for at in (1.0, 4.0)]
    assert read_source(json_lines(tmp_path, *rows), OPTIONS).times == [1.0, 4.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output_tokens": "many"}, r"line 2: field output_tokens: \"many\"; give a whole number"),
        ({"prompt_tokens": None}, r"line 2: field prompt_tokens: null"),
        ({"prompt_tokens": 0}, r"line 2: field prompt_tokens: 0; .* at least 1"),
        ({"model": 3}, r"line 2: field model"),
        ({"prompt": None}, r"line 2: field prompt"),
        ({"arrival": "noon"}, r"line 2: field arrival: \"noon\"; give seconds"),
        ({"arrival": 3.0}, r"line 1: field arrival: null; .* leave it out"),
    ],
)
def test_a_bad_line_is_named_with_field_value_and_remedy(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_source(json_lines(tmp_path, LINE, {**LINE, **change}), OPTIONS)


def test_a_served_log_brings_its_forecasts_arrivals_and_tenants(tmp_path: Path) -> None:
    said = LengthDistribution.from_samples([float(n) for n in range(1, 200)])
    quantiles = tuple(said.quantile(level) for level in QUANTILES)
    later = served(5.0, predicted_mean=said.mean, predicted_quantiles=quantiles)
    folder = log(tmp_path, later, served(2.0), served(3.0, prompt_tokens=0))
    source = read_source(folder, OPTIONS)
    first, second = all_of(source)
    assert source.times == [2.0, 5.0]
    assert (second.prompt_tokens, second.output_tokens, second.tenant) == (7, 60, "abc")
    assert second.length.mean == pytest.approx(said.mean, rel=0.05)
    assert first.length.mean == 60  # the lengths of the model in the log: it had no forecast
    assert "1 records without a prompt left out" in source.title


def test_the_tail_of_a_logged_forecast_gives_it_the_mean_that_was_logged(tmp_path: Path) -> None:
    quantiles = tuple(float(n) for n in range(10, 200, 10))
    row = served(1.0, predicted_mean=400.0, predicted_quantiles=quantiles)
    (request,) = all_of(read_source(log(tmp_path, row), OPTIONS))
    assert request.length.mean == pytest.approx(400.0)
    assert request.length.quantile(0.5) == 100.0


def test_a_request_for_several_answers_is_simulated_as_several(tmp_path: Path) -> None:
    folder = log(tmp_path, served(1.0, sequences=3, output_tokens=90))
    requests = all_of(read_source(folder, OPTIONS))
    assert [request.output_tokens for request in requests] == [30, 30, 30]


def test_a_log_written_as_one_file_is_read_too(tmp_path: Path) -> None:
    rows = [json.loads(line(served(at))) for at in (1.0, 2.0)]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "log.parquet")
    assert read_source(tmp_path / "log.parquet", OPTIONS).size == 2
    assert read_times(tmp_path / "log.parquet") == [1.0, 2.0]


def test_lengths_alone_get_forecasts_with_the_stated_error() -> None:
    rng = Random(1)
    said = [forecast(300, 0.4, rng) for _ in range(4000)]
    errors = [math.log(one.quantile(0.5) / 300) for one in said]
    assert fmean(errors) == pytest.approx(0.0, abs=0.05)
    assert pstdev(errors) == pytest.approx(0.4, rel=0.05)
    inside = fmean(one.quantile(0.1) <= 300 <= one.quantile(0.9) for one in said)
    assert inside == pytest.approx(0.8, abs=0.04)
    assert forecast(300, 0.0, rng).mean == 300


def test_a_trace_of_lengths_brings_its_arrivals(tmp_path: Path) -> None:
    path = parquet(tmp_path, t=[0.0, 2.0], input_tokens=[3, 4], output_tokens=[5, 0], client=[7, 8])
    source = read_source(path, OPTIONS)
    requests = all_of(source)
    assert [(r.prompt_tokens, r.output_tokens, r.tenant) for r in requests] == [
        (3, 5, "7"),
        (4, 0, "8"),
    ]
    assert source.times == read_times(path) == [0.0, 2.0]


def test_another_seed_draws_other_errors_and_the_same_seed_the_same(tmp_path: Path) -> None:
    path = parquet(tmp_path, input_tokens=[3] * 9, output_tokens=[50] * 9)
    source = read_source(path, OPTIONS)
    assert source.draw(9, 1) == source.draw(9, 1)
    assert source.draw(9, 1) != source.draw(9, 2)


def test_requests_are_repeated_once_all_were_used(tmp_path: Path) -> None:
    path = parquet(tmp_path, input_tokens=[1, 2, 3], output_tokens=[50] * 3)
    drawn = [request.prompt_tokens for request in read_source(path, OPTIONS).draw(9, 1)]
    assert sorted(drawn) == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert sorted(drawn[:3]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"input_tokens": [1], "output": [2]}, "no column output_tokens"),
        (
            {"input_tokens": [1, 2], "output_tokens": [5, -1]},
            "row 2, column output_tokens: -1 is no count",
        ),
        ({"input_tokens": [1, None], "output_tokens": [5, 5]}, "row 2, column input_tokens: None"),
        (
            {"t": [2.0, 1.0], "input_tokens": [1, 2], "output_tokens": [5, 5]},
            "row 2, column t: 1.0 is not a time after 2.0; sort",
        ),
    ],
)
def test_a_bad_trace_is_named_with_row_column_and_value(
    columns: dict[str, list[Any]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_source(parquet(tmp_path, **columns), OPTIONS)


def test_what_is_not_there_or_of_no_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_text("no parquet")
    for path, message in (
        (tmp_path / "absent", "is not there"),
        (tmp_path, "folder without a served log"),
        (tmp_path / "bad.parquet", "cannot be read as Parquet"),
    ):
        with pytest.raises(DataError, match=message):
            read_source(path, OPTIONS)
    with pytest.raises(DataError, match="no arrivals; give Parquet with a column t"):
        read_times(parquet(tmp_path, t=[None, None], input_tokens=[1, 1], output_tokens=[1, 1]))
    with pytest.raises(DataError, match="give CASTILLO's folder as --data"):
        read_source(None, OPTIONS)
