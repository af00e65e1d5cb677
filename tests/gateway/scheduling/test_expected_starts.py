"""When a waiting job starts: the work ahead of it, by the rate at which work starts."""

from __future__ import annotations

from time import sleep

import pytest

from gateway.scheduling.expected_starts import ExpectedStarts
from gateway.scheduling.start_rates import RECENT, StartRates
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.policy import expected_output, fcfs
from scheduler.scheduler import Scheduler
from tests.scheduler.builders import spec


def job(name: str, tokens: int, **fields: object) -> Job:
    made = Job(name, "m", 0.0, 0, LengthDistribution.point(tokens))
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def rated(per_start: int = 100) -> StartRates:
    """Rates of some 100 starts a second, each of so much work."""
    rates = StartRates()
    for number in range(4):
        rates.left(job(str(number), per_start), 1)
        rates.started(job(str(number), per_start), 1)
        sleep(0.01)
    return rates


def queued(policy: object, *jobs: Job) -> tuple[ExpectedStarts, float]:
    """The forecasts for these waiting jobs, and the rate that they go by."""
    scheduler, rates = Scheduler(policy), rated()  # type: ignore[arg-type]
    for one in jobs:
        scheduler.submit(one)
    rate = rates.per_s("m")
    assert rate is not None
    return ExpectedStarts(scheduler, rates), rate


def test_the_work_ahead_counts_and_nothing_behind() -> None:
    first, second, third = job("1", 1000), job("2", 500), job("3", 9000)
    for number, one in enumerate((first, second, third)):
        one.arrival = float(number)
    starts, rate = queued(fcfs, first, second, third)
    assert starts.seconds(first) == 0
    assert starts.seconds(second) == pytest.approx(1000 / rate, rel=0.3)
    assert starts.seconds(third) == pytest.approx(1500 / rate, rel=0.3)
    assert starts.seconds(job("new", 1, arrival=9.0)) == pytest.approx(10_500 / rate, rel=0.3)


def test_a_short_job_would_start_before_long_ones() -> None:
    starts, rate = queued(expected_output, job("1", 1000), job("2", 10))
    assert starts.seconds(job("new", 100)) == pytest.approx(10 / rate, rel=0.3)


def test_classes_and_tenants_have_their_own_lines() -> None:
    urgent, usual = job("1", 1000, urgency=-1), job("2", 500, tenant="a")
    starts, rate = queued(fcfs, urgent, usual)
    assert starts.seconds(usual) == pytest.approx(1000 / rate, rel=0.3)
    assert starts.seconds(job("new", 1, tenant="b")) == pytest.approx(1000 / rate, rel=0.3)
    assert starts.seconds(job("new", 1, urgency=-1, tenant="b")) == 0


def test_other_models_do_not_count() -> None:
    starts, _ = queued(fcfs, job("1", 1000))
    other = job("new", 1, arrival=1.0)
    other.model = "other"
    assert starts.seconds(other) is None


def test_nothing_is_said_before_there_is_a_rate() -> None:
    scheduler = Scheduler(fcfs)
    scheduler.submit(job("1", 100))
    assert ExpectedStarts(scheduler, StartRates()).seconds(job("new", 1)) is None


def test_the_pace_counts_for_less_where_answers_are_longer_than_forecast() -> None:
    scheduler, rates = Scheduler(fcfs), StartRates()
    scheduler.set_worker(spec(slots=1))
    for number in range(5):
        scheduler.submit(job(str(number), 100, arrival=float(number)))
    new = job("new", 100, arrival=9.0)
    as_forecast = ExpectedStarts(scheduler, rates).seconds(new)
    assert as_forecast is not None
    for number in range(RECENT):
        rates.ended(job(str(number), 100), 200)
    assert ExpectedStarts(scheduler, rates).seconds(new) == pytest.approx(2 * as_forecast, rel=0.1)


def test_the_first_that_waits_starts_when_one_that_runs_has_ended() -> None:
    scheduler = Scheduler(fcfs)
    scheduler.set_worker(spec(slots=2))
    for number in range(4):
        scheduler.submit(job(str(number), 1000, arrival=float(number)))
    starts = ExpectedStarts(scheduler, rated())
    waiting = sorted((one for one, _ in scheduler.waiting_jobs.snapshot()[0]), key=lambda j: j.id)
    first, second = map(starts.seconds, waiting[:2])
    assert first is not None
    assert first > 0
    assert second == pytest.approx(2 * first)
