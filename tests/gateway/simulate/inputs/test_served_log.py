"""A served log as requests: lengths, arrivals, tenants and the logged forecasts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.simulate.inputs.reader import read_arrival_times, read_source
from predictor.data.records import DataError
from predictor.raw_forecast import QUANTILES
from predictor.served_log.record import ServedRecord, json_line
from predictor.served_log.schema import SCHEMA
from scheduler.length import LengthDistribution
from tests.gateway.simulate.inputs.files import OPTIONS, all_requests


def record(arrival: float, **fields: Any) -> ServedRecord:
    defaults: dict[str, Any] = {
        "id": f"r{arrival}",
        "arrival": arrival,
        "finished": arrival + 9,
        "model": "m",
        "endpoint": "/v1/completions",
        "prompt_tokens": 7,
        "output_tokens": 60,
        "finish_reason": "stop",
        "censored": False,
        "tier": "fast",
        "tenant": "abc",
    }
    return ServedRecord(**{**defaults, **fields})


def write_log(folder: Path, *records: ServedRecord) -> Path:
    (folder / "served-000000000000.jsonl").write_bytes(b"".join(map(json_line, records)))
    return folder


def test_a_served_log_has_forecasts_arrivals_and_tenants(tmp_path: Path) -> None:
    logged = LengthDistribution.from_samples([float(n) for n in range(1, 200)])
    quantiles = tuple(logged.quantile(level) for level in QUANTILES)
    later = record(5.0, predicted_mean=logged.mean, predicted_quantiles=quantiles)
    folder = write_log(tmp_path, later, record(2.0), record(3.0, prompt_tokens=0))
    source = read_source(folder, OPTIONS)
    first, second = all_requests(source)
    assert source.times == [2.0, 5.0]
    assert (second.prompt_tokens, second.output_tokens, second.tenant) == (7, 60, "abc")
    assert second.length.mean == pytest.approx(logged.mean, rel=0.05)
    assert first.length.mean == 60, "without a forecast: the model's lengths in the log"
    assert "1 records without a prompt left out" in source.title


def test_the_tail_atom_gives_a_logged_forecast_its_logged_mean(tmp_path: Path) -> None:
    quantiles = tuple(float(n) for n in range(10, 200, 10))
    logged = record(1.0, predicted_mean=400.0, predicted_quantiles=quantiles)
    (request,) = all_requests(read_source(write_log(tmp_path, logged), OPTIONS))
    assert request.length.mean == pytest.approx(400.0)
    assert request.length.quantile(0.5) == 100.0


def test_a_request_for_several_answers_becomes_several_requests(tmp_path: Path) -> None:
    folder = write_log(tmp_path, record(1.0, sequences=3, output_tokens=90))
    requests = all_requests(read_source(folder, OPTIONS))
    assert [request.output_tokens for request in requests] == [30, 30, 30]


def test_a_request_without_a_forecast_gets_the_lengths_of_its_own_model(tmp_path: Path) -> None:
    folder = write_log(tmp_path, record(1.0), record(2.0, model="other", output_tokens=500))
    first, second = all_requests(read_source(folder, OPTIONS))
    assert (first.length.mean, second.length.mean) == (60, 500)


def test_a_log_in_one_parquet_file_is_read_too(tmp_path: Path) -> None:
    rows = [json.loads(json_line(record(arrival))) for arrival in (1.0, 2.0)]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "log.parquet")
    assert read_source(tmp_path / "log.parquet", OPTIONS).size == 2
    assert read_arrival_times(tmp_path / "log.parquet") == [1.0, 2.0]


def test_a_log_without_prompts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no record with a prompt \(1 records in all\)"):
        read_source(write_log(tmp_path, record(1.0, prompt_tokens=0)), OPTIONS)
