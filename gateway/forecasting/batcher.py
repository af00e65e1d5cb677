"""Batcher: items awaited one by one on the event loop, worked on together by a thread."""

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
class _Asked(Generic[In, Out]):
    item: In
    future: asyncio.Future[Out]
    loop: asyncio.AbstractEventLoop


class Batcher(Generic[In, Out]):
    """Runs ``work`` on a daemon thread of its own: a call that hangs can neither hold the event
    loop nor keep the process from ending.

    Whatever waits when the thread becomes free is one batch, of at most ``limit`` items: the load
    sets the size, and a single item is not kept waiting for company.
    """

    def __init__(
        self, name: str, work: Callable[[list[In]], Sequence[Out]], *, limit: int = 64
    ) -> None:
        self._name = name
        self._work = work
        self._limit = limit
        self._queue: SimpleQueue[_Asked[In, Out] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._busy_since: float | None = None

    async def ask(self, item: In) -> Out:
        """What ``work`` makes of the item.

        Cancelled (by a timeout, say) before its turn, the item is not worked on. Raises what
        ``work`` raises, and ValueError if it answers with another number of results.
        """
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        asked: _Asked[In, Out] = _Asked(item, loop.create_future(), loop)
        self._queue.put(asked)
        return await asked.future

    def stuck(self, budget_s: float) -> bool:
        """Whether the batch at work has been there for longer than ``budget_s`` seconds."""
        since = self._busy_since
        return since is not None and monotonic() - since > budget_s

    def close(self) -> None:
        """End the thread once what was asked for so far is done; nothing may be asked for after."""
        self._queue.put(None)

    def _run(self) -> None:
        open_ = True
        while open_:
            taken, open_ = self._take()
            batch = [asked for asked in taken if not asked.future.cancelled()]
            if not batch:
                continue
            self._busy_since = monotonic()
            outcome = self._outcome([asked.item for asked in batch])
            self._busy_since = None
            try:
                batch[0].loop.call_soon_threadsafe(_deliver, batch, outcome)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

    def _outcome(self, items: list[In]) -> Sequence[Out] | Exception:
        try:
            results = self._work(items)
            if len(results) != len(items):
                return ValueError(f"{len(results)} results for {len(items)} items")
        except Exception as error:  # noqa: BLE001 - whoever asked gets to know
            return error
        return results

    def _take(self) -> tuple[list[_Asked[In, Out]], bool]:
        """What waits, at least one item, and whether more may come after it."""
        batch: list[_Asked[In, Out]] = []
        found = self._queue.get()
        while found is not None:
            batch.append(found)
            if len(batch) == self._limit:
                return batch, True
            try:
                found = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False


def _deliver(batch: list[_Asked[In, Out]], outcome: Sequence[Out] | Exception) -> None:
    for at, asked in enumerate(batch):
        if asked.future.done():  # it was cancelled meanwhile
            continue
        if isinstance(outcome, Exception):
            asked.future.set_exception(outcome)
        else:
            asked.future.set_result(outcome[at])
