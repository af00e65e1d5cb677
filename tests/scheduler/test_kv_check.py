"""What a worker's KV forecasts are worth, learned from what came of a full cache of them."""

from __future__ import annotations

import itertools

import pytest

from scheduler.kv_check import HORIZON, KvCheck
from scheduler.kv_forecast import STEPS, KvProfile

CACHE = 10_000
AT = STEPS.index(HORIZON)
NAMES = itertools.count()


def profile(now: float, later: float = 0.0, variance: float = 0.0) -> KvProfile:
    """A job that holds ``now`` tokens and is expected to hold ``later`` at the horizon."""
    mean, spread = [0.0] * len(STEPS), [0.0] * len(STEPS)
    mean[0], mean[AT], spread[AT] = now, later, variance
    return KvProfile(mean, spread)


def full_caches(check: KvCheck, count: int, *, expected: float, came: float) -> None:
    """So many full caches of ten jobs, each with shares of its 1,000 tokens expected and come."""
    for _ in range(count):
        ends = round(10 * (1 - came * 1000 / 1256))
        for number in range(10):
            name = str(next(NAMES))
            check.observe(name, 0, profile(1000, expected * 1000, 40_000), CACHE)
            if number >= ends:
                check.observe(name, HORIZON, profile(1000 + HORIZON), CACHE)
            else:
                check.ended(name, CACHE)


def test_without_evidence_forecasts_count_as_honest() -> None:
    check = KvCheck()
    assert (check.trust(1.645), check.bias, check.scale) == (1, 0, 1)


def test_right_forecasts_earn_trust_again_within_a_few_full_caches() -> None:
    check = KvCheck()
    for n in range(10):
        full_caches(check, 1, expected=0.6, came=0.1 if n % 2 else 1.1)
    assert check.trust(1.645) == 0
    full_caches(check, 150, expected=0.6, came=0.6)
    assert check.trust(1.645) == 1
    assert check.bias == 0


def test_common_errors_are_a_bias_and_cost_no_trust() -> None:
    check = KvCheck()
    full_caches(check, 80, expected=0.9, came=0.5)
    assert check.bias == pytest.approx(-0.32, abs=0.05), "a small bias is tolerated"
    assert check.spread < 0.05
    assert check.trust(1.645) == 1


def test_errors_that_change_from_cache_to_cache_are_spread_and_cost_the_trust() -> None:
    check = KvCheck()
    for n in range(80):
        full_caches(check, 1, expected=0.6, came=0.1 if n % 2 else 1.1)
    assert check.spread == pytest.approx(0.5, abs=0.1)
    assert check.trust(1.645) == 0
    assert check.scale > 3, "the forecasts claim far less"


def test_trust_is_lost_when_the_traffic_changes() -> None:
    check = KvCheck()
    full_caches(check, 80, expected=0.6, came=0.6)
    for n in range(40):
        full_caches(check, 1, expected=0.6, came=0.1 if n % 2 else 1.1)
    assert check.trust(1.645) == 0


def test_a_smaller_margin_needs_less_skill() -> None:
    check = KvCheck(spread=0.15)
    assert check.trust(0.5) > check.trust(1.645) > check.trust(2.0)


def test_forecasts_that_claim_more_than_they_know_lose_trust_at_any_margin() -> None:
    check = KvCheck(spread=0.05)
    assert [KvCheck(spread=0.05, scale=scale).trust(1.645) for scale in (1.1, 1.4)] == [1, 0]
    for n in range(20):
        full_caches(check, 1, expected=0.6, came=0.45 if n % 2 else 0.75)
    assert 1.645 * check.spread < 0.28
    assert check.trust(1.645) == 0, "ten jobs in a cache claim a spread of 0.06"


def test_a_job_that_the_engine_holds_back_tells_nothing() -> None:
    check = KvCheck()
    before = check.spread
    for number in range(100):
        check.observe(str(number), 0, profile(1000, 600), CACHE)
        check.observe(str(number), HORIZON - 1, profile(1200, 600), CACHE)
    assert check.spread == before
