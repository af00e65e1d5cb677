"""What recent answers tell of a model, without a predictor."""

from __future__ import annotations

import pytest

from gateway.forecasting.prompt_parts import read_parts
from gateway.forecasting.recent_traffic import ENOUGH, PRIOR, RECENT, RecentTraffic

LONG = read_parts({"prompt": "Tell me of the town by the sea. " * 10})


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
    first = traffic.prompt_tokens("m", LONG)
    for _ in range(30):
        traffic.observe_prompt("m", LONG, 100)
    assert traffic.prompt_tokens("m", LONG) == pytest.approx(100, abs=2)
    assert traffic.prompt_tokens("another", LONG) == first != 100


def test_an_unknown_count_says_nothing() -> None:
    traffic = RecentTraffic()
    first = traffic.prompt_tokens("m", LONG)
    traffic.observe_prompt("m", LONG, 0)
    assert traffic.prompt_tokens("m", LONG) == first
