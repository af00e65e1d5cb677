"""The evidence of an answer that was cut."""

from math import log
from random import Random

import pytest

from predictor.adaptive import AdaptiveLayer, Forecast
from predictor.adaptive.censoring import Answer, read_answer
from predictor.raw_forecast import CAP_TOKENS
from tests.predictor.adaptive.builders import ask


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    """A median of 148 tokens."""
    return ask(AdaptiveLayer(), "why", 5.0)


def cut(forecast: Forecast, tokens: int, seed: int = 0) -> Answer:
    return read_answer(forecast, tokens, censored=True, random=Random(seed))


def test_an_answer_that_ended_counts_in_full_with_its_own_length(forecast: Forecast) -> None:
    answer = read_answer(forecast, 90, censored=False, random=Random(0))
    assert answer == Answer(log(90), 1.0, 1.0, 0.0)


def test_a_cut_answer_gets_a_length_from_beyond_the_cut(forecast: Forecast) -> None:
    drawn = [cut(forecast, 100, seed).log_tokens for seed in range(50)]
    assert min(drawn) >= log(100)
    assert len(set(drawn)) > 40
    assert max(drawn) > log(200)


def test_a_cut_before_the_first_likely_end_has_almost_no_weight(forecast: Forecast) -> None:
    early, late = cut(forecast, 2), cut(forecast, 148)
    assert early.weight < 0.01
    assert late.weight == pytest.approx(1.0, abs=0.01)
    assert late.prompt_weight == pytest.approx(0.5, abs=0.02)


def test_an_answer_that_reached_the_cap_is_endless_and_has_no_weight(forecast: Forecast) -> None:
    answer = cut(forecast, CAP_TOKENS)
    assert (answer.weight, answer.prompt_weight, answer.endless) == (0.0, 0.0, 1.0)
