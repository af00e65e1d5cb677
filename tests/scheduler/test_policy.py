"""The order in which jobs go."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.policy import (
    AGEING,
    LEVEL,
    POLICIES,
    Aged,
    LevelledOutput,
    expected_output,
    fcfs,
    sejf,
)
from scheduler.traffic import (
    FULL_CAUTION_SHARE,
    WINDOW_REQUESTS,
    MeanLengths,
    QueueingShare,
    TurnClock,
)
from tests.scheduler.builders import distributions, job

SECONDS = st.floats(0, 1e5)
RATES = st.floats(1e-4, 10)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    return job(
        "j",
        arrival=draw(SECONDS),
        tokens=draw(distributions()),
        sequences=draw(st.integers(1, 64)),
        prompt=draw(st.integers(0, 10_000)),
    )


def test_first_come_is_first_served_whatever_its_length() -> None:
    assert fcfs(job("a", arrival=1, tokens=9000)) < fcfs(job("b", arrival=2, tokens=1))


def test_the_shortest_expected_job_goes_first() -> None:
    policy = POLICIES["sept"](0.03)
    sure = job("a", tokens=100)
    likely_short = job("b", tokens=LengthDistribution((10, 2000), (0.9, 0.1)))
    assert policy(sure) < policy(likely_short)


def test_by_default_what_is_typically_short_goes_first() -> None:
    policy = sejf(0.03)
    sure = job("a", tokens=100)
    likely_short = job("b", tokens=LengthDistribution((10, 2000), (0.9, 0.1)))
    hardly_ever_short = job("c", tokens=LengthDistribution((10, 2000), (0.1, 0.9)))
    assert policy(likely_short) < policy(sure) < policy(hardly_ever_short)


def test_sequences_count_as_tokens() -> None:
    policy = sejf(0)
    assert policy(job("a", tokens=100, sequences=4)) == pytest.approx(policy(job("b", tokens=400)))


def test_a_job_ten_times_longer_yields_for_about_19_turns_at_the_default_rate() -> None:
    policy = sejf(AGEING)
    long = job("a", arrival=0, tokens=1000)
    assert policy(job("b", arrival=18, tokens=100)) < policy(long)
    assert policy(job("c", arrival=20, tokens=100)) > policy(long)


@given(jobs(), jobs(), RATES, SECONDS)
def test_ageing_orders_as_the_waiting_time_does_at_every_instant(
    a: Job, b: Job, rate: float, now: float
) -> None:
    policy = Aged(expected_output, rate)

    def urgency(j: Job) -> float:
        return expected_output(j) - rate * (now - j.arrival)

    assert policy(a) - policy(b) == pytest.approx(urgency(a) - urgency(b), abs=1e-6)


@given(jobs(), jobs(), RATES)
def test_nobody_is_overtaken_by_a_job_later_than_the_published_bound(
    a: Job, b: Job, rate: float
) -> None:
    policy = sejf(rate)
    base = LevelledOutput(LEVEL)
    spread = abs(base(a) - base(b))
    if b.arrival - a.arrival > spread / rate + 1e-6:
        assert policy(a) < policy(b)


@pytest.mark.parametrize("name", POLICIES)
@given(a=jobs(), rate=st.floats(0, 100))
def test_every_policy_gives_a_finite_key_that_depends_on_the_job_alone(
    name: str, a: Job, rate: float
) -> None:
    policy = POLICIES[name](rate)
    assert math.isfinite(policy(a))
    assert policy(a) == policy(a)


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_lets_the_earlier_of_two_equal_jobs_go_first(name: str) -> None:
    policy = POLICIES[name](0.03)
    assert policy(job("a", arrival=1)) < policy(job("b", arrival=2))


def test_jobs_longer_than_their_level_go_in_order_of_arrival() -> None:
    first, later = job("a", arrival=0, tokens=5000), job("b", arrival=1, tokens=900)
    first.model_mean_tokens = later.model_mean_tokens = 800
    low, high = sejf(0.03, level=1.0), sejf(0.03, level=2.0)
    assert low(first) < low(later)
    assert high(later) < high(first)
    assert low(job("c", arrival=1, tokens=100)) < low(first)


def test_of_equal_means_the_less_certain_job_has_the_larger_kv_volume() -> None:
    policy = POLICIES["kv_volume"](0)
    sure = job("a", prompt=10, tokens=100)
    gamble = job("b", prompt=10, tokens=LengthDistribution((1, 199), (0.5, 0.5)))
    assert policy(sure) < policy(gamble)
    assert policy(sure) == pytest.approx(math.log(10 * 100 + 100 * 101 / 2))


def test_a_tail_counts_where_the_policy_heeds_it() -> None:
    policy = POLICIES["tail_aware"](0)
    risky = job("a", tokens=LengthDistribution((50, 950), (0.9, 0.1)))
    sure = job("b", tokens=150)
    assert POLICIES["sept"](0)(risky) < POLICIES["sept"](0)(sure)
    assert policy(sure) < policy(risky)


def test_the_gittins_rank_of_a_gamble_is_the_price_of_its_likely_end() -> None:
    policy = POLICIES["gittins"](0)
    # Run to 10 tokens it costs 10 and ends in half of the cases: 20 a completion, not 505.
    assert policy(job("a", tokens=LengthDistribution((10, 1000), (0.5, 0.5)))) == pytest.approx(
        math.log(20)
    )
    assert policy(job("b", tokens=100)) == pytest.approx(math.log(100))


def test_a_prompt_stands_for_its_answer_where_nothing_is_forecast() -> None:
    policy = POLICIES["sjf_prompt"](0.03)
    assert policy(job("a", prompt=10, tokens=900)) < policy(job("b", prompt=20, tokens=1))


def test_a_boost_is_the_logarithm_for_the_short_and_nothing_for_the_long() -> None:
    policy = POLICIES["boost"](0.03)
    short, shorter = job("a", tokens=10), job("b", tokens=1)
    assert policy(short) - policy(shorter) == pytest.approx(math.log(10), abs=0.01)
    assert policy(job("c", tokens=20_000)) == pytest.approx(
        policy(job("d", tokens=10_000)), abs=1e-4
    )


def test_what_has_little_slack_goes_first() -> None:
    policy = POLICIES["slo"](0.03)
    assert policy(job("a", arrival=5, tokens=10)) < policy(job("b", arrival=5, tokens=500))
    assert policy(job("c", arrival=0, tokens=10)) < policy(job("d", arrival=1, tokens=10))


@given(jobs(), jobs(), st.sampled_from(sorted(set(POLICIES) - {"slo", "fcfs"})), RATES)
def test_no_policy_lets_a_job_be_overtaken_for_ever(
    early: Job, late: Job, name: str, rate: float
) -> None:
    """Whatever their sizes: nothing that comes later than the widest spread of keys overtakes."""
    policy = POLICIES[name](rate)
    early.arrival_turns = late.arrival_turns = 0.0
    spread = policy(early) - policy(late)
    late.arrival_turns = max(spread, 0.0) / rate * 1.0001 + 1e-6
    assert policy(late) >= policy(early) - 1e-6


def test_the_mean_length_is_the_mean_of_recent_traffic_by_model() -> None:
    means = MeanLengths()
    assert means.observe("a", 100.0) == pytest.approx(100)
    assert means.observe("a", 300.0) == pytest.approx(200)
    assert means.observe("b", 10.0) == pytest.approx(10)
    for _ in range(5 * WINDOW_REQUESTS):
        last = means.observe("a", 1000.0)
    assert last == pytest.approx(1000, rel=0.02)


def test_waiting_counts_in_the_time_a_typical_request_takes() -> None:
    fast, slow = TurnClock(), TurnClock()
    for _ in range(5 * WINDOW_REQUESTS):
        fast.observe(2.0)
        slow.observe(20.0)
    for clock in (fast, slow):
        clock.turns(100.0)
    assert fast.turns(140.0) == pytest.approx(20.0, rel=0.01)
    assert slow.turns(140.0) == pytest.approx(2.0, rel=0.01)
    assert slow.turns(130.0) == slow.turns(140.0), "the clock never goes back"


def test_caution_grows_with_the_share_of_arrivals_that_meet_a_queue() -> None:
    share = QueueingShare()
    assert share.caution("a") == 0.0
    seen = []
    for at in range(3000):
        share.observe("a", queued=at % 50 == 0)
        seen.append(share.caution("a"))
    assert seen[-1] == pytest.approx(0.02 / FULL_CAUTION_SHARE, rel=0.3)
    assert max(seen[2000:]) < 2 * min(seen[2000:]), "the share spans some hundred arrivals"
    for _ in range(5):
        share.observe("a", queued=True)
    assert share.caution("a") == 1.0
    assert share.caution("b") == 0.0
    for _ in range(1000):
        share.observe("a", queued=False)
    assert share.caution("a") < 0.001
