"""What recent answers tell of a model, without a predictor."""

from __future__ import annotations

import pytest

from gateway.forecasting.recent_traffic import ENOUGH, PRIOR, RECENT, RecentTraffic
from predictor import Prompt


def prompt(model: str, chars: int) -> Prompt:
    return Prompt(model, "x" * chars, chars=chars)


LONG = prompt("m", 100)


def test_lengths_count_once_there_are_enough_of_them() -> None:
    traffic = RecentTraffic()
    for _ in range(ENOUGH - 1):
        traffic.observe_length("m", 50)
    assert traffic.length("m") is PRIOR
    traffic.observe_length("m", 50)
    assert traffic.length("m").mean == 50
    assert traffic.length("another") is PRIOR


def test_old_lengths_are_forgotten() -> None:
    traffic = RecentTraffic()
    for tokens in [1000] * RECENT + [10] * RECENT:
        traffic.observe_length("m", tokens)
    assert traffic.length("m").mean == 10


def test_the_prior_has_a_median_of_280_tokens() -> None:
    assert 250 <= PRIOR.quantile(0.5) <= 310


def test_prompt_tokens_follow_the_models_tokenizer() -> None:
    traffic = RecentTraffic()
    assert traffic.prompt_tokens(LONG) == 26
    for _ in range(30):
        traffic.observe_prompt(LONG, 50)
    assert traffic.prompt_tokens(LONG) == pytest.approx(51, abs=1)
    traffic.observe_prompt(LONG, 150)
    assert 51 < traffic.prompt_tokens(LONG) < 61, "one prompt moves the mean a little"
    assert traffic.prompt_tokens(prompt("another", 100)) == 26


def test_an_unknown_count_says_nothing() -> None:
    traffic = RecentTraffic()
    traffic.observe_prompt(LONG, 0)
    assert traffic.prompt_tokens(LONG) == 26
