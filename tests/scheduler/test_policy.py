"""The keys of the policies."""

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


def test_fcfs_ignores_the_length() -> None:
    assert fcfs(job("a", arrival=1, tokens=9000)) < fcfs(job("b", arrival=2, tokens=1))


def test_the_shortest_expected_job_goes_first() -> None:
    policy = POLICIES["sept"](0.03)
    sure = job("a", tokens=100)
    likely_short = job("b", tokens=LengthDistribution((10, 2000), (0.9, 0.1)))
    assert policy(sure) < policy(likely_short)


def test_the_default_policy_orders_by_the_geometric_mean() -> None:
    policy = sejf(0.03)
    sure = job("a", tokens=100)
    likely_short = job("b", tokens=LengthDistribution((10, 2000), (0.9, 0.1)))
    hardly_ever_short = job("c", tokens=LengthDistribution((10, 2000), (0.1, 0.9)))
    assert policy(likely_short) < policy(sure) < policy(hardly_ever_short)


@pytest.mark.parametrize("name", ["sejf", "sept", "tail_aware", "gittins", "boost"])
def test_the_tokens_of_all_sequences_count(name: str) -> None:
    policy = POLICIES[name](0)
    assert policy(job("a", tokens=100, sequences=4)) == pytest.approx(policy(job("b", tokens=400)))


def test_a_job_ten_times_longer_yields_for_about_23_turns_at_the_default_rate() -> None:
    policy = sejf(AGEING)
    long = job("a", arrival=0, tokens=1000)
    assert policy(job("b", arrival=22, tokens=100)) < policy(long)
    assert policy(job("c", arrival=24, tokens=100)) > policy(long)


@given(jobs(), jobs(), RATES, SECONDS)
def test_ageing_orders_as_the_waiting_time_does_at_every_instant(
    a: Job, b: Job, rate: float, now: float
) -> None:
    policy = Aged(expected_output, rate)

    def urgency(j: Job) -> float:
        return expected_output(j) - rate * (now - j.arrival)

    assert policy(a) - policy(b) == pytest.approx(urgency(a) - urgency(b), abs=1e-6)


@given(jobs(), jobs(), RATES)
def test_no_job_is_overtaken_by_a_job_later_than_the_published_bound(
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


def test_jobs_longer_than_the_level_go_in_order_of_arrival() -> None:
    first, later = job("a", arrival=0, tokens=5000), job("b", arrival=1, tokens=900)
    first.usual_tokens = later.usual_tokens = 800
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
    wide = job("c", prompt=10, tokens=100, sequences=4)
    assert policy(wide) == pytest.approx(math.log(10 * 100 + 4 * 100 * 101 / 2))


def test_the_tail_aware_policy_puts_the_longer_tail_later() -> None:
    policy = POLICIES["tail_aware"](0)
    risky = job("a", tokens=LengthDistribution((50, 950), (0.9, 0.1)))
    sure = job("b", tokens=150)
    assert POLICIES["sept"](0)(risky) < POLICIES["sept"](0)(sure)
    assert policy(sure) < policy(risky)


def test_the_gittins_rank_is_the_least_expected_cost_per_completion() -> None:
    policy = POLICIES["gittins"](0)
    # The first 10 tokens end half of the jobs: 20 tokens for each completion.
    assert policy(job("a", tokens=LengthDistribution((10, 1000), (0.5, 0.5)))) == pytest.approx(
        math.log(20)
    )
    assert policy(job("b", tokens=100)) == pytest.approx(math.log(100))
    # To the second atom: half of the jobs cost 10 tokens, the others 20.
    near = LengthDistribution((10, 20), (0.5, 0.5))
    assert policy(job("c", tokens=near)) == pytest.approx(math.log(15))


def test_the_prompt_policy_orders_by_the_length_of_the_prompt() -> None:
    policy = POLICIES["sjf_prompt"](0.03)
    assert policy(job("a", prompt=10, tokens=900)) < policy(job("b", prompt=20, tokens=1))


def test_the_boost_fades_around_1000_tokens() -> None:
    policy = POLICIES["boost"](0.03)
    assert policy(job("a", tokens=1000)) == pytest.approx(math.log(1 - math.exp(-1)))


def test_the_boost_is_the_logarithm_for_short_jobs_and_vanishes_for_long_ones() -> None:
    policy = POLICIES["boost"](0.03)
    short, shorter = job("a", tokens=10), job("b", tokens=1)
    assert policy(short) - policy(shorter) == pytest.approx(math.log(10), abs=0.01)
    assert policy(job("c", tokens=20_000)) == pytest.approx(
        policy(job("d", tokens=10_000)), abs=1e-4
    )


def test_the_job_of_least_slack_goes_first() -> None:
    policy = POLICIES["slo"](0.03)
    assert policy(job("e", arrival=7, tokens=100)) == pytest.approx(7 + 5 + (0.2 - 0.03) * 100)
    assert policy(job("a", arrival=5, tokens=10)) < policy(job("b", arrival=5, tokens=500))
    assert policy(job("c", arrival=0, tokens=10)) < policy(job("d", arrival=1, tokens=10))


def test_a_client_s_deadline_takes_the_place_of_the_objective() -> None:
    policy, short, long = POLICIES["slo"](0.03), job("a", tokens=10), job("b", tokens=500)
    short.due = long.due = 60.0
    assert policy(short) == pytest.approx(60 - 0.03 * 10)
    assert policy(long) < policy(short)


@given(jobs(), jobs(), st.sampled_from(sorted(set(POLICIES) - {"slo", "fcfs"})), RATES)
def test_no_ageing_policy_lets_a_job_be_overtaken_for_ever(
    early: Job, late: Job, name: str, rate: float
) -> None:
    policy = POLICIES[name](rate)
    early.arrival_turns = late.arrival_turns = 0.0
    spread = policy(early) - policy(late)
    late.arrival_turns = max(spread, 0.0) / rate * 1.0001 + 1e-6
    assert policy(late) >= policy(early) - 1e-6
