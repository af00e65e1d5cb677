"""The order in which jobs go."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.policy import POLICIES, Aged, expected_output, fcfs, sejf
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
    policy = sejf(0.03)
    sure = job("a", tokens=100)
    likely_short = job("b", tokens=LengthDistribution((10, 2000), (0.9, 0.1)))
    assert policy(sure) < policy(likely_short)


def test_sequences_count_as_tokens() -> None:
    policy = sejf(0)
    assert policy(job("a", tokens=100, sequences=4)) == policy(job("b", tokens=400))


def test_a_job_ten_times_longer_yields_for_77_seconds_at_the_default_rate() -> None:
    policy = sejf(0.03)
    long = job("a", arrival=0, tokens=1000)
    assert policy(job("b", arrival=76, tokens=100)) < policy(long)
    assert policy(job("c", arrival=77, tokens=100)) > policy(long)


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
    spread = abs(expected_output(a) - expected_output(b))
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
