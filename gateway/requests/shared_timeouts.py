"""SharedTimeouts: time limits of many tasks, of which those that end together share one timer.

A timer of each request's own takes 0.7 KB while the request waits, and some microseconds to set.
"""

from __future__ import annotations

import asyncio
import math

STEPS_S = ((60.0, 1.0), (5.0, 0.1), (0.5, 0.02), (0.0, 0.002))
"""Time left from which on limits are rounded up, and to which step: by 4 % of it at most."""


class SharedTimeouts:
    """Time limits of tasks of one event loop. Each is kept at its moment or up to a step later."""

    def __init__(self) -> None:
        self._due: dict[float, set[SharedTimeout]] = {}

    def at(self, when: float) -> SharedTimeout:
        """A context that ends at ``when`` on the event loop's clock, as ``asyncio.timeout_at``.

        Infinite: never. The block is then cancelled, and left with ``TimeoutError``.
        """
        return SharedTimeout(self, when)

    def add(self, limit: SharedTimeout, when: float) -> float:
        """Watch a limit; returns the moment at which it ends."""
        loop = asyncio.get_running_loop()
        left = when - loop.time()
        step = next((step for least, step in STEPS_S if left >= least), STEPS_S[-1][1])
        moment = math.ceil(when / step) * step
        limits = self._due.get(moment)
        if limits is None:
            limits = self._due[moment] = set()
            loop.call_at(moment, self._end, moment)
        limits.add(limit)
        return moment

    def remove(self, limit: SharedTimeout, moment: float) -> None:
        """Watch a limit no more; its timer stays, for the next one of the same moment."""
        limits = self._due.get(moment)
        if limits is not None:
            limits.discard(limit)

    def _end(self, moment: float) -> None:
        for limit in self._due.pop(moment, ()):
            limit.expire()


class SharedTimeout:
    """The time limit of one block of a task."""

    __slots__ = ("_all", "_cancelling", "_expired", "_moment", "_task")

    def __init__(self, timeouts: SharedTimeouts, when: float) -> None:
        self._all, self._moment = timeouts, when
        self._expired, self._cancelling = False, 0
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> None:
        if self._moment == math.inf:
            return
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self._moment = self._all.add(self, self._moment)

    def expire(self) -> None:
        """Cancel the block."""
        assert self._task is not None
        self._expired = True
        self._task.cancel()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """End the block.

        Raises:
            TimeoutError: its time is over.
        """
        if self._task is None:
            return
        self._all.remove(self, self._moment)
        own = self._expired and self._task.uncancel() <= self._cancelling
        if own and isinstance(error, asyncio.CancelledError):
            raise TimeoutError from error
