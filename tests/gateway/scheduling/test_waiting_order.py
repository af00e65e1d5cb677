"""The order of the queue is taken beside the event loop, also for those who hang up meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from gateway.scheduling.waiting_order import _Order
from scheduler.fairness import TokenCounters
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.waiting_jobs import WaitingJobs


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
