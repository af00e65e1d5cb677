"""The dispatcher without sockets: a job that is cancelled anywhere leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from typing import TypeVar

import pytest

from gateway.scheduling.dispatcher import Dispatcher, Rejected
from gateway.scheduling.retry_after import LONGEST_START_S
from scheduler.policy import fcfs
from scheduler.scheduler import Scheduler
from tests.gateway.harness import until
from tests.gateway.in_process import rates_of, scheduler_of
from tests.scheduler.builders import job, running_count, spec

T = TypeVar("T")


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """One worker of one slot. After the test nothing may wait, run or be expected."""
    dispatcher = Dispatcher(Scheduler(fcfs, max_waiting=3))
    dispatcher.scheduler.set_worker(spec())
    yield dispatcher
    scheduler = scheduler_of(dispatcher)
    scheduler.check()
    assert scheduler.waiting == running_count(scheduler) == 0
    assert dispatcher._decisions == {}


class Request:
    """A job in its own task. The events say how far it is; ``go`` lets it end."""

    def __init__(self, dispatcher: Dispatcher, name: str, *, retries: int = 0) -> None:
        self.dispatched = asyncio.Event()
        self.go = asyncio.Event()
        self._dispatcher = dispatcher
        self._job = job(name, arrival=asyncio.get_running_loop().time())
        self._retries = retries
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> str:
        async with self._dispatcher.slot(self._job) as slot:
            for attempt in range(self._retries + 1):
                if attempt:
                    slot.retry()
                dispatch = await slot.wait()
                self.dispatched.set()
                if attempt == self._retries:
                    await self.go.wait()
            return dispatch.worker_id


async def soon(awaitable: Awaitable[T]) -> T:
    """The result; a failure instead of a wait without end."""
    async with asyncio.timeout(1):
        return await awaitable


async def turn_of_the_loop() -> None:
    """Let every task run up to where it waits."""
    for _ in range(3):
        await asyncio.sleep(0)


async def cancelled(request: Request) -> None:
    request.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request.task


async def test_a_job_waits_for_the_job_before_it(dispatcher: Dispatcher) -> None:
    first, second = Request(dispatcher, "1"), Request(dispatcher, "2")
    await soon(first.dispatched.wait())
    await turn_of_the_loop()
    assert not second.dispatched.is_set()
    first.go.set()
    second.go.set()
    assert list(await soon(asyncio.gather(first.task, second.task))) == ["w", "w"]


async def test_a_job_cancelled_before_it_is_submitted_was_never_there(
    dispatcher: Dispatcher,
) -> None:
    request = Request(dispatcher, "1")
    await cancelled(request)
    assert not request.dispatched.is_set()


async def test_a_job_cancelled_while_it_waits_leaves_the_queue(dispatcher: Dispatcher) -> None:
    first, second = Request(dispatcher, "1"), Request(dispatcher, "2")
    await turn_of_the_loop()
    assert dispatcher.scheduler.waiting == 1
    await cancelled(second)
    assert dispatcher.scheduler.waiting == 0
    first.go.set()
    await soon(first.task)


async def test_a_job_cancelled_in_the_block_gives_its_slot_to_the_next(
    dispatcher: Dispatcher,
) -> None:
    first, second = Request(dispatcher, "1"), Request(dispatcher, "2")
    await soon(first.dispatched.wait())
    await cancelled(first)
    await soon(second.dispatched.wait())
    second.go.set()
    await soon(second.task)


async def test_a_job_cancelled_between_its_dispatch_and_its_next_step_frees_the_worker(
    dispatcher: Dispatcher,
) -> None:
    first, second, third = (Request(dispatcher, name) for name in "123")
    await soon(first.dispatched.wait())
    await turn_of_the_loop()
    dispatcher.apply(dispatcher.scheduler.release("1"))  # dispatches the second job
    await cancelled(second)
    assert not second.dispatched.is_set()
    await soon(third.dispatched.wait())
    first.go.set()
    third.go.set()
    await soon(asyncio.gather(first.task, third.task))


async def test_a_decision_for_a_job_cancelled_in_the_same_step_reaches_nobody(
    dispatcher: Dispatcher,
) -> None:
    first, second = Request(dispatcher, "1"), Request(dispatcher, "2")
    await soon(first.dispatched.wait())
    await turn_of_the_loop()
    second.task.cancel()  # its future is cancelled at once, its task ends one step later
    dispatcher.apply(dispatcher.scheduler.release("1"))
    with pytest.raises(asyncio.CancelledError):
        await soon(second.task)
    first.go.set()
    await soon(first.task)


async def test_a_job_cancelled_while_it_waits_again_leaves_the_queue(
    dispatcher: Dispatcher,
) -> None:
    scheduler, waits_again = scheduler_of(dispatcher), asyncio.Event()

    async def run() -> None:
        async with dispatcher.slot(job("1")) as slot:
            await slot.wait()
            scheduler.set_health("w", False)
            slot.retry()
            waits_again.set()
            await slot.wait()

    task = asyncio.create_task(run())
    await soon(waits_again.wait())
    await turn_of_the_loop()
    assert (scheduler.waiting, running_count(scheduler)) == (1, 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scheduler.waiting == 0


async def test_a_job_that_is_tried_again_may_get_the_same_worker(dispatcher: Dispatcher) -> None:
    first = Request(dispatcher, "1", retries=2)
    first.go.set()
    assert await soon(first.task) == "w"


async def test_an_error_in_the_block_releases_the_job(dispatcher: Dispatcher) -> None:
    async def fail() -> None:
        async with dispatcher.slot(job("1")) as slot:
            await slot.wait()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    second = Request(dispatcher, "2")
    second.go.set()
    await soon(second.task)


async def test_one_job_too_many_is_rejected_and_forgotten(dispatcher: Dispatcher) -> None:
    requests = [Request(dispatcher, str(n)) for n in range(5)]
    with pytest.raises(Rejected, match="queue_full"):
        await soon(requests[-1].task)
    for request in requests[:-1]:
        request.go.set()
    await soon(asyncio.gather(*(request.task for request in requests[:-1])))


async def test_a_job_past_its_deadline_is_rejected_by_the_watch(dispatcher: Dispatcher) -> None:
    async def wait() -> None:
        async with dispatcher.slot(job("2", deadline=0.0)) as slot:
            await slot.wait()

    first = Request(dispatcher, "1")
    await soon(first.dispatched.wait())
    watch = asyncio.create_task(dispatcher.watch_deadlines())
    async with asyncio.timeout(1):
        with pytest.raises(Rejected, match="queue_timeout"):
            await wait()
    watch.cancel()
    first.go.set()
    await soon(first.task)


async def test_the_watch_tells_the_time_so_that_silent_answers_grow(dispatcher: Dispatcher) -> None:
    async with dispatcher.slot(replace(job("1", tokens=10**6), streams=False)) as slot:
        worker_id = (await slot.wait()).worker_id
        pace = scheduler_of(dispatcher).workers[worker_id].pace
        pace.observe(1000, 0.001, asyncio.get_running_loop().time())
        watch = asyncio.create_task(dispatcher.watch_deadlines())
        await until(lambda: slot.job.attained > 1000, "the answer has grown")
        watch.cancel()


async def test_a_better_forecast_moves_a_waiting_job_and_not_a_running_one(
    dispatcher: Dispatcher,
) -> None:
    first = Request(dispatcher, "1")
    await soon(first.dispatched.wait())
    async with dispatcher.slot(job("2", tokens=500)) as slot:
        assert not slot.decided
        slot.reprice(job("x", tokens=5).length)
        assert slot.job.length.mean == 5
        first.go.set()
        await soon(slot.wait())
        slot.reprice(job("x", tokens=9).length)
        assert slot.job.length.mean == 5
    await soon(first.task)


async def test_the_tokens_at_the_end_and_the_service_time_go_to_the_scheduler(
    dispatcher: Dispatcher,
) -> None:
    before = dispatcher.scheduler.turn_seconds
    async with dispatcher.slot(job("1")) as slot:
        await slot.wait()
        slot.progress(40)
        assert slot.job.attained == 40
        slot.attained, slot.service_s = 70, 0.5
    assert slot.job.attained == 70
    assert dispatcher.scheduler.turn_seconds < before


async def test_a_rejected_job_should_come_back_when_it_would_have_started() -> None:
    dispatcher = Dispatcher(Scheduler(fcfs))
    for name in "abcd":  # some 100 starts a second, of 100 tokens each
        dispatcher.rates.left(job(name, tokens=100, prompt=0), 1)
        dispatcher.rates.started(job(name, tokens=100, prompt=0), 1)
        await asyncio.sleep(0.01)
    rate = dispatcher.rates.per_s("m")
    assert rate is not None
    dispatcher.scheduler.submit(job("long", tokens=int(30 * rate), prompt=0))
    again = dispatcher.retry_after(job("next", arrival=1, tokens=1))
    assert 15 <= again <= 45
    assert dispatcher.retry_after(job("first", arrival=-1, tokens=1)) == 1
    dispatcher.scheduler.submit(job("longest", tokens=int(30_000 * rate), prompt=0))
    await asyncio.sleep(0.02)  # the next picture of the queue
    assert dispatcher.retry_after(job("last", arrival=1, tokens=1)) == LONGEST_START_S
    assert dispatcher.retry_after() == 1  # nothing has ended: not by the length of the queue


async def test_complete_answers_tell_how_much_longer_than_forecast_they_are(
    dispatcher: Dispatcher,
) -> None:
    for service_s, attained in ((2.0, 900), (None, 9000)):  # the second is cut short
        async with dispatcher.slot(job("1", tokens=300)) as slot:
            await soon(slot.wait())
            slot.service_s, slot.attained = service_s, attained
    length, stretches = job("1", tokens=300).length, rates_of(dispatcher).stretches
    assert 1.0 < stretches.stretch("m", length) < 3.0
    for number in range(200):
        dispatcher.rates.ended(job(str(number), tokens=300), 900)
    assert stretches.stretch("m", length) == pytest.approx(3.0, rel=0.1)


async def test_a_job_that_takes_the_place_of_one_that_left_counts_in_the_rate(
    dispatcher: Dispatcher,
) -> None:
    requests = [Request(dispatcher, str(number)) for number in range(3)]
    for number in range(3):
        requests.append(Request(dispatcher, f"{number}, later"))
        await soon(requests[number].dispatched.wait())
        await turn_of_the_loop()
        requests[number].go.set()
        await soon(requests[number].task)
    measured = rates_of(dispatcher).measured("m")
    assert measured is not None
    assert measured[0] > 0
    for request in requests:
        request.go.set()
    await soon(asyncio.gather(*(request.task for request in requests)))
