"""Every latency metric, from the timestamps of one request."""

from __future__ import annotations

import pytest

from scheduler.records import RequestRecord

METRICS = ("queue_wait", "ttft", "tpot", "e2e", "normalised_latency")


def complete() -> RequestRecord:
    return RequestRecord(
        arrival=100.0,
        dispatched=101.0,
        first_token=103.0,
        last_token=112.0,
        finished=112.5,
        prompt_tokens=40,
        output_tokens=10,
    )


@pytest.mark.parametrize(
    ("metric", "seconds"),
    [
        ("queue_wait", 1.0),
        ("ttft", 3.0),
        ("tpot", 1.0),  # nine tokens after the first, in nine seconds
        ("e2e", 12.5),
        ("normalised_latency", 1.25),
    ],
)
def test_a_complete_record_gives_every_metric(metric: str, seconds: float) -> None:
    assert getattr(complete(), metric) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("missing", "affected"),
    [
        ("dispatched", {"queue_wait"}),
        ("first_token", {"ttft", "tpot"}),
        ("last_token", {"tpot"}),
        ("finished", {"e2e", "normalised_latency"}),
    ],
)
def test_a_missing_time_leaves_out_the_metrics_that_need_it(
    missing: str, affected: set[str]
) -> None:
    record = complete()
    setattr(record, missing, None)
    assert {name for name in METRICS if getattr(record, name) is None} == affected


def test_a_request_that_has_only_arrived_has_no_metric() -> None:
    assert all(getattr(RequestRecord(arrival=5.0), name) is None for name in METRICS)


def test_an_answer_of_one_token_has_no_time_per_further_token() -> None:
    record = complete()
    record.output_tokens = 1
    assert record.tpot is None
    assert record.normalised_latency == 12.5


def test_an_answer_without_tokens_has_no_latency_per_token() -> None:
    record = complete()
    record.output_tokens = 0
    assert record.normalised_latency is None
    assert record.e2e == 12.5


def test_a_time_of_zero_is_a_time() -> None:
    record = RequestRecord(arrival=0, dispatched=0, first_token=0, last_token=0, finished=0)
    assert (record.queue_wait, record.ttft, record.e2e) == (0, 0, 0)
