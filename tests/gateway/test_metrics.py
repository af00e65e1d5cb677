"""Counters and histograms: what counts as met, and which series exist from the start."""

from __future__ import annotations

import pytest

from gateway.config.scheduling import Slo
from gateway.metrics import Metrics
from scheduler.records import RequestRecord


def stream(*, first: float, last: float, tokens: int) -> RequestRecord:
    """A streamed answer that arrived at 0 s."""
    return RequestRecord(
        arrival=0.0, first_token=first, last_token=last, finished=last, output_tokens=tokens
    )


def whole(*, finished: float, tokens: int) -> RequestRecord:
    """An answer without a stream."""
    return RequestRecord(arrival=0.0, finished=finished, output_tokens=tokens)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"lengthwise_{name}", labels)


@pytest.mark.parametrize(
    ("record", "met"),
    [
        (stream(first=1.0, last=2.0, tokens=11), True),
        (stream(first=1.01, last=2.0, tokens=11), False),
        (stream(first=1.0, last=2.01, tokens=11), False),
        (stream(first=1.0, last=1.0, tokens=1), True),
        (whole(finished=1.0, tokens=10), True),
        (whole(finished=1.01, tokens=10), False),
        (whole(finished=30.0, tokens=300), True),
    ],
    ids=[
        "both just met",
        "the first token is late",
        "the other tokens are slow",
        "one token",
        "no stream, just met",
        "no stream, slow per token",
        "no stream, a long answer may take long",
    ],
)
def test_an_answer_meets_the_objective_by_its_first_token_and_its_time_per_token(
    record: RequestRecord, met: bool
) -> None:
    metrics = Metrics(Slo(ttft_s=1.0, tpot_s=0.1))
    metrics.answers.observe("m", record)
    label = "true" if met else "false"
    assert value(metrics, "slo_requests_total", model="m", met=label) == 1


def test_an_answer_is_counted_in_every_histogram_it_has_a_value_for() -> None:
    metrics = Metrics(Slo())
    metrics.answers.observe("m", stream(first=1.0, last=2.0, tokens=11))
    metrics.answers.observe("m", whole(finished=3.0, tokens=2))
    counts = {
        name: value(metrics, f"{name}_seconds_count", model="m")
        for name in ("ttft", "tpot", "e2e", "normalised_latency")
    }
    assert counts == {"ttft": 1, "tpot": 1, "e2e": 2, "normalised_latency": 2}
    assert value(metrics, "e2e_seconds_sum", model="m") == 5.0
    assert value(metrics, "generation_tokens_total", model="m") == 13
    assert value(metrics, "output_tokens_sum", model="m") == 13
    assert value(metrics, "output_tokens_count", model="m") == 2


def test_series_of_a_model_and_of_a_worker_begin_at_zero() -> None:
    metrics = Metrics(Slo())
    metrics.expect_model("m")
    metrics.expect_worker("http://w")
    assert value(metrics, "slo_requests_total", model="m", met="false") == 0
    assert value(metrics, "prediction_intervals_total", model="m", result="inside") == 0
    assert value(metrics, "worker_failures_total", worker="http://w") == 0
    metrics.forget_worker("http://w")
    assert value(metrics, "worker_failures_total", worker="http://w") is None
