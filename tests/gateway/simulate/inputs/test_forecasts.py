"""Forecasts of a run: made at arrival, better ones while waiting, corrected by what has ended."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from gateway.simulate.inputs.forecasts import PromptForecasts, RunForecaster
from predictor.prompt import Prompt
from predictor.raw_forecast import LEVELS, RawForecasts
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

COUNT = 80


def raw(tokens: float) -> RawForecasts:
    """Forecasts of ``COUNT`` prompts whose median is ``tokens``."""
    location, scale = np.full(COUNT, log(tokens)), np.full(COUNT, 0.5)
    shape = np.tile(np.linspace(-2.0, 2.0, len(LEVELS)), (COUNT, 1))
    return RawForecasts(location, scale, shape, np.zeros(COUNT), np.zeros((COUNT, 1)))


def source(*, learns: bool = True, refined: float | None = None) -> PromptForecasts:
    prompts = [Prompt("m", f"Tell me of the number {number} or so.") for number in range(COUNT)]
    better = None if refined is None else raw(refined)
    return PromptForecasts(prompts, raw(100.0), better, learns)


def request(number: int) -> Request:
    return Request(10, 1000, LengthDistribution.point(1), "m", number=number)


def median(forecaster: RunForecaster, number: int) -> float:
    return forecaster.forecast(str(number), request(number)).quantile(0.5)


def after_answers(source: PromptForecasts, tokens: int) -> float:
    """The last prompt's median after the answers to all others had ``tokens`` tokens."""
    forecaster = source.forecaster()
    for number in range(COUNT - 1):
        forecaster.forecast(str(number), request(number))
        forecaster.learn(str(number), tokens, censored=False)
    return median(forecaster, COUNT - 1)


def test_forecasts_follow_the_answers_that_have_ended() -> None:
    assert median(source().forecaster(), 0) == pytest.approx(100, rel=0.15)
    assert after_answers(source(), 800) == pytest.approx(800, rel=0.2)


def test_without_learning_answers_change_nothing() -> None:
    assert after_answers(source(learns=False), 800) == pytest.approx(100, rel=0.15)


def test_no_run_knows_the_answers_of_another_run() -> None:
    shared = source()
    before = after_answers(shared, 800)
    assert median(shared.forecaster(), 0) == pytest.approx(100, rel=0.15)
    assert after_answers(shared, 800) == before


def test_a_cut_answer_counts_as_longer_than_its_tokens() -> None:
    forecasts = {}
    for censored in (False, True):
        forecaster = source().forecaster()
        for number in range(COUNT - 1):
            forecaster.forecast(str(number), request(number))
            forecaster.learn(str(number), 100, censored=censored)
        forecasts[censored] = median(forecaster, COUNT - 1)
    assert forecasts[True] > 1.2 * forecasts[False]


def test_the_refined_tier_forecasts_requests_that_wait_and_learns_too() -> None:
    forecaster = source(refined=300.0).forecaster()
    assert median(forecaster, 0) == pytest.approx(100, rel=0.15)
    better = forecaster.refine("0")
    assert better is not None
    assert better.quantile(0.5) == pytest.approx(300, rel=0.15)
    for number in range(1, COUNT - 1):
        forecaster.forecast(str(number), request(number))
        forecaster.refine(str(number))
        forecaster.learn(str(number), 800, censored=False)
    forecaster.forecast("last", request(COUNT - 1))
    last = forecaster.refine("last")
    assert last is not None
    assert last.quantile(0.5) == pytest.approx(800, rel=0.2)


def test_without_the_refined_tier_nothing_better_comes() -> None:
    forecaster = source().forecaster()
    median(forecaster, 0)
    assert forecaster.refine("0") is None


def test_the_title_names_tier_and_learning() -> None:
    assert source().title == "fast forecasts that learn"
    assert source(learns=False, refined=1.0).title == "refined forecasts"
