"""Probes answered with as much as a worker likes: read in bounded time, and no further."""

from __future__ import annotations

import json
from time import process_time

import pytest

from gateway.workers.engine_report import parse_report
from gateway.workers.models import MOST_BYTES, MOST_MODELS, parse_models

RUNNING = "vllm:num_requests_running"


@pytest.mark.parametrize(
    "labels",
    ["a" * 200_000, "a" + " " * 200_000, '"' * 200_001, "\\" * 200_000, 'a="' + "\\" * 200_000],
)
def test_a_line_of_any_length_costs_little_and_spoils_no_other(labels: str) -> None:
    text = f"{RUNNING}{{{labels}}} 1\nvllm:num_requests_waiting 2\n"
    begun = process_time()
    report = parse_report(text)
    assert process_time() - begun < 0.5
    assert (report.running, report.waiting) == (None, 2)


@pytest.mark.parametrize("labels", ["a" * 16_000, "a " * 8_000, 'a="' + "\\" * 16_000])
def test_many_lines_of_odd_labels_cost_time_in_their_length_only(labels: str) -> None:
    begun = process_time()
    parse_report(f"{RUNNING}{{{labels}}} 1\n" * 100)
    assert process_time() - begun < 1.0


def test_a_long_list_of_models_is_read_in_part() -> None:
    entries = [{"id": f"m{number}"} for number in range(20_000)]
    models, unused = parse_models(json.dumps({"data": entries}).encode())
    assert list(models)[:2] == ["m0", "m1"]
    assert (len(models), unused) == (MOST_MODELS, 20_000 - MOST_MODELS)


def test_a_list_of_many_bytes_is_refused() -> None:
    body = json.dumps({"data": [{"id": "m", "x": "y" * MOST_BYTES}]}).encode()
    with pytest.raises(ValueError, match="bytes"):
        parse_models(body)
