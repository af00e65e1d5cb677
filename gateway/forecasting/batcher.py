"""Batcher: coroutines wait for single items, and a thread works on the items in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[In, Out]):
    item: In
    future: asyncio.Future[Out]
    loop: asyncio.AbstractEventLoop


_Queue = SimpleQueue[_Entry[In, Out] | None]
"""What the thread works on, in order; None is the end."""


class Batcher(Generic[In, Out]):
    """Runs ``work`` on a daemon thread of its own.

    A call that hangs can neither hold the event loop nor keep the process from ending. The items
    that wait when the thread becomes free are one batch, of at most ``limit`` items: a single item
    does not wait for others.
    """

    def __init__(
        self, name: str, work: Callable[[list[In]], Sequence[Out]], *, limit: int = 64
    ) -> None:
        self._name = name
        self._work = work
        self._limit = limit
        self._queue: _Queue[In, Out] = SimpleQueue()
        self._thread: Thread | None = None
        self._closed = False
        self._busy_since: float | None = None

    async def ask(self, item: In) -> Out:
        """The result of ``work`` for the item.

        An item whose coroutine is cancelled before its turn is not worked on.

        Raises:
            ValueError: ``work`` returned another number of results than items.
            Exception: whatever ``work`` raises.
        """
        if self._thread is None:
            self._thread = Thread(
                target=self._run, args=(self._queue,), name=self._name, daemon=True
            )
            self._thread.start()
        loop = asyncio.get_running_loop()
        entry: _Entry[In, Out] = _Entry(item, loop.create_future(), loop)
        self._queue.put(entry)
        if self._closed:
            self.close()
        return await entry.future

    def stuck(self, budget_s: float) -> bool:
        """Whether the thread has worked on the present batch for more than ``budget_s`` seconds."""
        since = self._busy_since
        return since is not None and monotonic() - since > budget_s

    def close(self) -> None:
        """End the thread after the present items. A later item gets a thread of its own."""
        self._closed = True
        self._queue.put(None)
        self._queue, self._thread = SimpleQueue(), None

    def _run(self, queue: _Queue[In, Out]) -> None:
        more = True
        while more:
            taken, more = self._take(queue)
            batch = [entry for entry in taken if not entry.future.cancelled()]
            if not batch:
                continue
            self._busy_since = monotonic()
            outcome = self._outcome([entry.item for entry in batch])
            self._busy_since = None
            try:
                batch[0].loop.call_soon_threadsafe(_deliver, batch, outcome)
            except RuntimeError:  # the loop is closed: no coroutine waits any more
                return

    def _outcome(self, items: list[In]) -> Sequence[Out] | Exception:
        try:
            results = self._work(items)
            if len(results) != len(items):
                return ValueError(f"{len(results)} results for {len(items)} items")
        except Exception as error:  # noqa: BLE001 - the coroutines that asked get the error
            return error
        return results

    def _take(self, queue: _Queue[In, Out]) -> tuple[list[_Entry[In, Out]], bool]:
        """The next batch, and whether more batches can follow."""
        batch: list[_Entry[In, Out]] = []
        entry = queue.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) == self._limit:
                return batch, True
            try:
                entry = queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False


def _deliver(batch: list[_Entry[In, Out]], outcome: Sequence[Out] | Exception) -> None:
    for index, entry in enumerate(batch):
        if entry.future.done():  # cancelled meanwhile
            continue
        if isinstance(outcome, Exception):
            entry.future.set_exception(outcome)
        else:
            entry.future.set_result(outcome[index])
