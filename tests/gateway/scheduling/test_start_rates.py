"""How fast waiting requests start, for expected starts."""

from __future__ import annotations

import pytest

from gateway.scheduling.start_rates import RECENT, StartRates
from scheduler.fairness import cost
from scheduler.job import Job
from tests.scheduler.builders import job


def work(one: Job) -> float:
    return cost(one, one.expected_tokens)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _start(rates: StartRates, clock: Clock, *, every_s: float, times: int, waiting: int) -> None:
    for n in range(times):
        clock.now += every_s
        one = job(f"{n}", tokens=100, prompt=40)
        rates.left(one, waiting)
        rates.started(one, waiting)


def test_the_rate_is_the_work_that_starts_in_a_second(clock: Clock) -> None:
    rates = StartRates(clock)
    _start(rates, clock, every_s=0.5, times=2, waiting=9)
    assert rates.per_s("m") is None
    _start(rates, clock, every_s=0.5, times=RECENT, waiting=9)
    assert rates.per_s("m") == pytest.approx(2 * work(job("a", tokens=100, prompt=40)))
    assert rates.per_s("other") is None


def test_a_queue_that_stands_still_has_a_falling_rate(clock: Clock) -> None:
    rates = StartRates(clock)
    _start(rates, clock, every_s=1.0, times=10, waiting=9)
    before = rates.per_s("m")
    clock.now += 20
    after = rates.per_s("m")
    assert before is not None
    assert after is not None
    assert after < before / 2.5


def test_jobs_that_fill_free_places_are_no_rate(clock: Clock) -> None:
    rates, one = StartRates(clock), job("a", tokens=100, prompt=40)
    for _ in range(16):  # after a pause, all at once
        rates.started(one, 300)
    _start(rates, clock, every_s=2.0, times=4, waiting=300)
    assert rates.per_s("m") == pytest.approx(work(one) / 2)


def test_without_a_queue_there_is_no_rate(clock: Clock) -> None:
    rates = StartRates(clock)
    _start(rates, clock, every_s=1.0, times=10, waiting=9)
    _start(rates, clock, every_s=1.0, times=1, waiting=0)
    assert rates.per_s("m") is None


def test_what_requests_cost_beside_their_tokens_is_work_too(clock: Clock) -> None:
    rates = StartRates(clock)
    for number in range(32):  # each takes 1 s, and 0.01 s a token
        one = job(f"{number}", tokens=100, prompt=0)
        tokens = (20, 80, 300, 10)[number % 4]
        rates.started(one, 9)
        clock.now += 1.0 + 0.01 * tokens
        rates.ended(one, tokens)
        rates.left(one, 9)
    measured = rates.measured("m")
    assert measured is not None
    came = 8 * (20 + 80 + 300 + 10) - 20  # the first start only begins the time
    assert measured[0] == pytest.approx(came + 31 * 100, rel=0.02)


def test_what_came_counts_and_not_what_was_forecast(clock: Clock) -> None:
    rates = StartRates(clock)
    for number in range(9):
        clock.now += 1.0
        one = job(f"{number}", tokens=200, prompt=0)
        rates.left(one, 9)
        rates.started(one, 9)
        rates.ended(one, 20)
    assert rates.measured("m") == pytest.approx((8 * 20, 8.0))
    assert rates.per_s("m") == pytest.approx(200)
