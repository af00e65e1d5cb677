"""Everyday requests: the forecasts of the model that ships are where answers plausibly are.

``everyday.jsonl`` holds 130 requests as people send them, in a dozen languages. The range of
each is a judgement of where a capable model's median lies. The file chooses between settings; what
they come to is measured on other requests (``tests.bench.everyday``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from predictor.refined.tiers import TIERS, load_predictor
from tests.bench.everyday import Everyday, measure, read

REQUESTS = read(Path(__file__).parent / "everyday.jsonl")
BARE = ("one word", "yes no", "true false", "choice letter", "stars", "ticket label")
"""How the tags of requests for a bare word begin."""


@pytest.fixture(scope="module")
def found() -> dict[str, Everyday]:
    return {tier: measure(load_predictor(None, tier), REQUESTS) for tier in TIERS}


def in_range(forecasts: Everyday) -> int:
    return int(np.sum(forecasts.factor == 1))


@pytest.mark.parametrize("tier", TIERS)
def test_most_medians_are_in_range_and_few_intervals_miss_it(
    found: dict[str, Everyday], tier: str
) -> None:
    assert in_range(found[tier]) >= 82
    assert np.sum(found[tier].missed) <= 9
    assert np.quantile(found[tier].factor, 0.9) <= 2.0


def test_the_refined_tier_is_no_worse_than_the_fast_one(found: dict[str, Everyday]) -> None:
    assert in_range(found["refined"]) >= in_range(found["fast"]) - 3


@pytest.mark.parametrize("tier", TIERS)
def test_a_demand_for_a_bare_word_rules_the_forecast(found: dict[str, Everyday], tier: str) -> None:
    forecasts = found[tier]
    bare = np.array([tag.startswith(BARE) for tag in forecasts.tags])
    assert bare.sum() > 10
    assert np.max(forecasts.median[bare]) < 8


def test_the_requests_are_many_and_each_has_a_range() -> None:
    assert len({request["tag"] for request in REQUESTS}) == len(REQUESTS) >= 60
    assert all(0 < request["lo"] < request["hi"] for request in REQUESTS)
