"""The fit finds the costs behind exact measurements, and is not moved by an outlier."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.calibrate.cost_model import PointKind
from gateway.calibrate.fit import PointSamples, fit
from gateway.calibrate.measure import StepSample
from scheduler.sim.costs import StepCosts

COSTS = StepCosts(
    base=0.012,
    per_sequence=600e-6,
    per_kv_token=2e-6,
    per_prefill_token=40e-6,
    per_request=0.003,
)
LATENCY = 0.005


def decode(sequences: int, context: int) -> StepSample:
    kv_tokens = sequences * context
    return StepSample(COSTS.seconds(sequences, kv_tokens, 0), sequences, kv_tokens)


def prefill(tokens: int) -> StepSample:
    step = COSTS.seconds(1, tokens, tokens - 1, entered=1)
    return StepSample(LATENCY + step, 1, tokens, prefill_tokens=tokens - 1, requests=1)


def turnover(sequences: int, entering: float) -> StepSample:
    batch, kv_tokens, prompt_tokens = sequences + entering, 100 * sequences, 50 * entering
    seconds = (
        COSTS.base
        + COSTS.per_sequence * batch
        + COSTS.per_kv_token * kv_tokens
        + COSTS.per_prefill_token * prompt_tokens
        + COSTS.per_request * entering
    )
    return StepSample(seconds, batch, kv_tokens, prefill_tokens=prompt_tokens, requests=entering)


def points(kind: PointKind, samples: list[StepSample]) -> list[PointSamples]:
    return [PointSamples(kind, [sample]) for sample in samples]


DECODES = [decode(n, context) for n in (1, 2, 4, 8) for context in (16, 256, 1024)]


def test_exact_measurements_give_the_costs_back() -> None:
    prefills = [prefill(tokens) for tokens in (32, 128, 512)]
    turnovers = [turnover(n, entering) for n in (1, 3) for entering in (0.2, 0.5)]
    costs, quality, fitted = fit(
        [
            *points("decode", DECODES),
            *points("prefill", prefills),
            *points("turnover", turnovers),
        ]
    )
    for name, value in costs.model_dump().items():
        assert value == pytest.approx(getattr(COSTS, name), rel=0.01), name
    assert quality.request_latency == pytest.approx(LATENCY, rel=0.01), "not a part of any step"
    assert quality.worst_error < 1e-3
    assert all(point.fitted == pytest.approx(point.seconds, rel=1e-3) for point in fitted)


def test_an_outlier_does_not_move_the_fit() -> None:
    samples = [*DECODES]
    samples[5] = replace(samples[5], seconds=5 * samples[5].seconds)
    costs, quality, _ = fit(points("decode", samples))
    assert costs.base == pytest.approx(COSTS.base, rel=0.02)
    assert costs.per_sequence == pytest.approx(COSTS.per_sequence, rel=0.1)
    assert costs.per_kv_token == pytest.approx(COSTS.per_kv_token, rel=0.1)
    assert quality.worst_error > 0.5


def test_a_point_is_the_median_of_its_repeats() -> None:
    slow = replace(DECODES[0], seconds=9.0)
    _, _, (point, *_) = fit(
        [PointSamples("decode", [DECODES[0], DECODES[0], slow]), *points("decode", DECODES[1:])]
    )
    assert point.seconds == DECODES[0].seconds
    assert (point.kind, point.sequences, point.context, point.repeats) == ("decode", 1, 16, 3)
