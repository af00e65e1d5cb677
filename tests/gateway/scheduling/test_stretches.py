"""How much longer than forecast answers are, by how long the forecast is."""

from __future__ import annotations

import random

import pytest

from gateway.scheduling.stretches import RECENT, Stretches
from scheduler.job import Job
from scheduler.length import LengthDistribution


def job(*tokens: float) -> Job:
    return Job("1", "m", 0.0, 0, LengthDistribution.weighted(tokens, [1.0] * len(tokens)))


def test_without_answers_forecasts_are_taken_as_they_are() -> None:
    assert Stretches().stretch("m", job(100).length) == 1.0


def test_short_answers_say_little_of_long_ones() -> None:
    stretches = Stretches()
    for _ in range(RECENT):
        stretches.observe(job(10), 2)
    assert stretches.stretch("m", job(10).length) == pytest.approx(0.2, abs=0.05)
    assert stretches.stretch("m", job(12).length) < 0.3
    assert stretches.stretch("m", job(1000).length) == pytest.approx(1.0, abs=0.1)
    assert stretches.stretch("other", job(10).length) == 1.0


def test_an_unsure_forecast_says_less_when_it_is_wrong() -> None:
    sure, unsure = Stretches(), Stretches()
    for _ in range(8):
        sure.observe(job(380, 400, 420), 200)
        unsure.observe(job(20, 400, 780), 200)
    length = job(400).length
    assert sure.stretch("m", length) < unsure.stretch("m", length) < 1.0


def test_old_answers_are_forgotten() -> None:
    stretches = Stretches()
    for tokens in (400, 100):
        for _ in range(RECENT):
            stretches.observe(job(100), tokens)
    assert stretches.stretch("m", job(100).length) == pytest.approx(1.0)


def test_forecasts_of_any_length_have_a_stretch() -> None:
    stretches = Stretches()
    for tokens in (0.5, 1e12):
        stretches.observe(job(tokens), 1)
        assert stretches.stretch("m", job(tokens).length) > 0


def test_sums_hold_the_latest_answers_alone_and_stay_exact() -> None:
    """Long forecasts leave nothing behind, nor do rounding errors."""
    rng = random.Random(4)
    old = [(rng.randint(100_000, 900_000), rng.randint(1, 900_000)) for _ in range(5 * RECENT + 7)]
    latest = [(rng.randint(5, 5000), rng.randint(1, 5000)) for _ in range(RECENT)]
    long, fresh = Stretches(), Stretches()
    for forecast, tokens in old + latest:
        long.observe(job(forecast), tokens)
    for forecast, tokens in latest:
        fresh.observe(job(forecast), tokens)
    for forecast in (1, 5, 100, 3000, 20_000, 900_000):
        expected = fresh.stretch("m", job(forecast).length)
        assert long.stretch("m", job(forecast).length) == pytest.approx(expected, abs=1e-6)
