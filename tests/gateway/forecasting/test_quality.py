"""The scores of forecasts, against their definitions and against evaluation's own code."""

from __future__ import annotations

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from gateway.forecasting.kinds import KINDS, kind_of
from gateway.forecasting.quality import BATCH, MOST_MODELS, ForecastQuality
from gateway.forecasting.recent_traffic import PRIOR
from gateway.forecasting.scores import INTERVALS, crps, rank_tau, score
from gateway.telemetry.model_labels import OTHER
from predictor import Prompt
from predictor.evaluation import scores as evaluation
from scheduler.length import LengthDistribution

RNG = np.random.default_rng(5)
FORECASTS = [
    LengthDistribution.from_samples(RNG.lognormal(5, 0.8, size=size)) for size in (1, 3, 20, 200)
]
LENGTHS = [40, 900, 150, 1]


def value(quality: ForecastQuality, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(quality)
    return registry.get_sample_value(f"lengthwise_forecast_{name}", {"kind": "plain", **labels})


def test_scores_of_many_are_those_of_each_by_its_definition() -> None:
    scores = score(FORECASTS, LENGTHS)
    for row, (forecast, length) in enumerate(zip(FORECASTS, LENGTHS, strict=True)):
        inside = [
            forecast.quantile(0.5 - share / 200) <= length <= forecast.quantile(0.5 + share / 200)
            for share in INTERVALS
        ]
        assert scores.inside[row].tolist() == inside
        assert scores.error[row] == abs(forecast.quantile(0.5) - length)
        assert scores.expected[row] == pytest.approx(forecast.geometric_mean)
        atoms, mass = np.array([forecast.tokens]), np.array([forecast.mass])
        defined = evaluation.crps(atoms, mass, np.array([float(length)]))[0]
        assert scores.crps[row] == pytest.approx(defined)
        assert crps(forecast, [length]) == pytest.approx(defined)


def test_tau_is_that_of_the_evaluation_with_ties_and_undefined_without_order() -> None:
    expected = RNG.integers(1, 9, size=60).astype(float)
    lengths = np.round(expected + RNG.normal(0, 3, size=60))
    assert rank_tau(expected, lengths) == pytest.approx(evaluation.kendall_tau(expected, lengths))
    assert rank_tau(np.ones(5), np.arange(5.0)) is None


def test_what_is_scraped_counts_every_answer_once_whatever_the_batches() -> None:
    quality, answers = ForecastQuality(), 2 * BATCH + 3
    for number in range(answers):
        quality.add("m", "plain", LengthDistribution.point(100), 100 + number % 2)
        if number % 50 == 0:
            value(quality, "scored_total", model="m")
    assert value(quality, "scored_total", model="m") == answers
    hits = sum(number % 2 == 0 for number in range(answers))
    assert value(quality, "inside_total", model="m", interval="80") == hits
    assert value(quality, "error_tokens_total", model="m") == answers - hits
    assert value(quality, "crps_tokens_total", model="m") == answers - hits


def test_the_reference_is_the_models_earlier_lengths() -> None:
    quality = ForecastQuality()
    for _ in range(2):
        for _ in range(BATCH):
            quality.add("m", "plain", LengthDistribution.point(50), 70)
    reference = value(quality, "reference_crps_tokens_total", model="m")
    assert reference == pytest.approx(BATCH * crps(PRIOR, [70])[0])  # then 70 itself: no error


def test_tau_needs_answers_and_a_forecast_that_orders_them_has_1() -> None:
    quality = ForecastQuality()
    for length in range(10, 29):
        quality.add("m", "plain", LengthDistribution.point(length), length)
    assert value(quality, "tau", model="m") is None
    quality.add("m", "plain", LengthDistribution.point(30), 300)
    assert value(quality, "tau", model="m") == 1.0


def test_many_models_share_one_label() -> None:
    quality = ForecastQuality()
    for number in range(MOST_MODELS + 5):
        quality.add(f"m{number}", "plain", LengthDistribution.point(9), 9)
    assert value(quality, "scored_total", model="m0") == 1
    assert value(quality, "scored_total", model=f"m{MOST_MODELS}") is None
    assert value(quality, "scored_total", model=OTHER) == 5


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        (Prompt("m", "hi"), "plain"),
        (Prompt("m", "hi", turns=3), "conversation"),
        (Prompt("m", "hi", turns=3, json=True), "json"),
        (Prompt("m", "hi", tools=2, json=True), "tools"),
        (Prompt("m", "hi", tools=2, reasoning=1.0), "thinking"),
    ],
)
def test_a_request_has_one_kind(prompt: Prompt, kind: str) -> None:
    assert kind_of(prompt) == kind
    assert kind in KINDS
