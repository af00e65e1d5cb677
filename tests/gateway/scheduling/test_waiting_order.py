"""The order of the queue is taken beside the event loop, also for those who hang up meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.expectations import Expectations
from gateway.scheduling.expected_starts import ExpectedStarts
from gateway.scheduling.start_rates import StartRates
from gateway.scheduling.waiting_order import WaitingOrder, _Order
from scheduler.fairness import TokenCounters
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.policy import fcfs
from scheduler.scheduler import Scheduler
from scheduler.waiting_jobs import WaitingJobs
from tests.scheduler.builders import job, spec


def test_a_thread_that_was_left_behind_and_the_next_one_share_an_order() -> None:
    order = _Order(WaitingJobs(TokenCounters()))
    begun, go_on = Event(), Event()
    length = LengthDistribution((1.0,), (1.0,))
    jobs = [Job(str(n), "m", 0.0, 1, length) for n in range(2)]

    def slowly() -> Iterator[tuple[Job, float]]:
        begun.set()
        go_on.wait(10)
        yield from ((job, 1.0) for job in jobs)

    order._rest = slowly()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(order.extend, 2, "")
        assert begun.wait(10)
        second = pool.submit(order.extend, 2, "")
        go_on.set()
        first.result()
        second.result()
    assert list(order.places) == ["0", "1"]


async def test_a_request_that_waits_is_told_what_a_refused_one_is() -> None:
    now = 0.0
    scheduler, rates = Scheduler(fcfs), StartRates(lambda: now)
    for number in range(40):  # each takes 1 s, and 0.01 s a token: 100 tokens beside its own
        now, one = now + 1.1, job(f"{number}", tokens=100, prompt=0)
        rates.left(one, 9)
        rates.started(one, 9)
        now += 0.1 * (number % 5)
        rates.ended(one, 10 * (number % 5))
    scheduler.set_worker(spec(slots=1))
    starts = ExpectedStarts(scheduler, rates, lambda: now)
    dispatcher = Dispatcher(scheduler, Expectations(rates, starts))
    for number in range(4):
        scheduler.submit(job(f"waits {number}", arrival=float(number), tokens=100))
    order = WaitingOrder(dispatcher, scheduler)
    last = await order.place("waits 3")
    assert last is not None
    refused = starts.seconds(job("refused", arrival=2.5, tokens=100))
    assert refused is not None
    assert order.starts_in_s(last) == pytest.approx(refused)
    assert refused > 0
    scheduler.pause()
    assert order.starts_in_s(last) is None
