"""Batcher: coroutines wait for single items, and a thread works on the items in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")

QUIET_TURNS = 2
"""Turns of the event loop without a new item after which the items so far are handed over.

A request whose bytes have come needs two: its connection makes the task, and the task asks."""

PATIENCE_S = 0.005
"""Seconds after which items are handed over although others still come."""

HERE_S = 0.005
"""Seconds within which an item that comes alone must be done, if the event loop is to do it."""

TRIED = 8
"""Items in a row that came alone and were done as quickly, before the event loop does one."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[In, Out]):
    item: In
    future: asyncio.Future[Out]
    first: bool = False


_Batch = list[_Entry[In, Out]]


class Batcher(Generic[In, Out]):
    """Runs ``work`` on a daemon thread of its own; all coroutines must be of one event loop.

    A call that hangs on the thread neither holds the event loop nor keeps the process from ending.
    Items are collected while the event loop has others to bring, and while the thread is at work: a
    batch costs little more than an item. An item that comes alone waits for two empty turns of the
    loop, some microseconds. A batch has at most ``limit`` items.

    ``here``: says of an item that comes alone whether the event loop may do it, once the thread has
    been quick with ``TRIED`` such items: the way to the thread and back takes 0.1 ms. An item that
    takes longer than ``HERE_S`` there is the last one until the thread has been as quick again.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[In]], Sequence[Out]],
        *,
        limit: int = 64,
        here: Callable[[In], bool] | None = None,
    ) -> None:
        self._name = name
        self._work = work
        self._limit = limit
        self._here = here
        self._quick = 0
        """Items in a row that were quickly done alone."""
        self._coming: _Batch[In, Out] = []
        """What waits to be handed over: those that go first, then the oldest."""
        self._collecting = False
        """Whether the next turns of the loop look for more items."""
        self._at_work = False
        """Whether the thread has a batch."""
        self._queue: SimpleQueue[_Batch[In, Out] | None] | None = None
        """Brings the thread its batches; None is its end."""
        self._closed = False
        self._busy_since: float | None = None

    async def ask(self, item: In, *, first: bool = False) -> Out:
        """The result of ``work`` for the item.

        An item whose coroutine is cancelled before its turn is not worked on. ``first``: it goes
        before all that wait and are not first themselves.

        Raises:
            ValueError: ``work`` returned another number of results than items.
            Exception: whatever ``work`` raises.
        """
        loop = asyncio.get_running_loop()
        entry: _Entry[In, Out] = _Entry(item, loop.create_future(), first)
        if first:
            ahead = next((n for n, one in enumerate(self._coming) if not one.first), None)
            self._coming.insert(len(self._coming) if ahead is None else ahead, entry)
        else:
            self._coming.append(entry)
        if not self._at_work and not self._collecting:
            self._collect_from_now(loop)
        return await entry.future

    def stuck(self, budget_s: float) -> bool:
        """Whether the thread has worked on the present batch for more than ``budget_s`` seconds."""
        since = self._busy_since
        return since is not None and monotonic() - since > budget_s

    def close(self) -> None:
        """End the thread after the present items. A later item gets a thread of its own."""
        self._closed = True
        if not self._coming and not self._at_work:
            self._end_if_closed()

    def _collect_from_now(self, loop: asyncio.AbstractEventLoop) -> None:
        self._collecting = True
        loop.call_soon(self._collect, loop, loop.time(), 0, 0)

    def _collect(
        self, loop: asyncio.AbstractEventLoop, begun: float, known: int, quiet: int
    ) -> None:
        """Hand over what has come, or look again in the loop's next turn."""
        number = len(self._coming)
        quiet = 0 if number > known else quiet + 1
        waited = loop.time() - begun > PATIENCE_S
        if number >= self._limit or quiet >= QUIET_TURNS or waited:
            self._collecting = False
            self._hand_over(loop)
        else:
            loop.call_soon(self._collect, loop, begun, number, quiet)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the thread its next batch, if anybody still waits for one."""
        waiting = [entry for entry in self._coming if not entry.future.done()]
        batch, self._coming = waiting[: self._limit], waiting[self._limit :]
        if len(batch) == 1 and self._may_be_here(batch[0].item):
            self._deliver(loop, batch, self._timed(batch))
        elif batch:
            self._at_work = True
            if self._queue is None:
                self._queue = SimpleQueue()
                Thread(
                    target=self._run, args=(self._queue, loop), name=self._name, daemon=True
                ).start()
            self._busy_since = monotonic()
            self._queue.put(batch)
        else:
            self._end_if_closed()

    def _may_be_here(self, item: In) -> bool:
        """Whether the event loop does an item that has come alone."""
        return self._here is not None and self._quick >= TRIED and self._here(item)

    def _end_if_closed(self) -> None:
        if self._closed and self._queue is not None:
            self._queue.put(None)
            self._queue = None

    def _run(
        self, queue: SimpleQueue[_Batch[In, Out] | None], loop: asyncio.AbstractEventLoop
    ) -> None:
        while (batch := queue.get()) is not None:
            outcome = self._timed(batch)
            try:
                loop.call_soon_threadsafe(self._deliver, loop, batch, outcome)
            except RuntimeError:  # the loop is closed: no coroutine waits any more
                return

    def _timed(self, batch: _Batch[In, Out]) -> Sequence[Out] | Exception:
        """The outcome of a batch; notes how quickly an item that came alone was done."""
        begun = monotonic()
        outcome = self._outcome([entry.item for entry in batch])
        if len(batch) == 1:
            self._quick = self._quick + 1 if monotonic() - begun <= HERE_S else 0
        return outcome

    def _outcome(self, items: list[In]) -> Sequence[Out] | Exception:
        try:
            results = self._work(items)
            if len(results) != len(items):
                return ValueError(f"{len(results)} results for {len(items)} items")
        except Exception as error:  # noqa: BLE001 - the coroutines that asked get the error
            return error
        return results

    def _deliver(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: _Batch[In, Out],
        outcome: Sequence[Out] | Exception,
    ) -> None:
        """Give the coroutines their results, and the thread what has come meanwhile."""
        self._at_work, self._busy_since = False, None
        for index, entry in enumerate(batch):
            if entry.future.done():  # cancelled meanwhile
                continue
            if isinstance(outcome, Exception):
                entry.future.set_exception(outcome)
            else:
                entry.future.set_result(outcome[index])
        if self._coming:
            self._collect_from_now(loop)
        else:
            self._end_if_closed()
