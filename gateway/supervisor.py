"""Supervisor: background tasks that fail are told, counted and started again."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from gateway.metrics import Metrics

log = logging.getLogger("lengthwise")

FIRST_PAUSE_S = 1.0
"""Seconds before a task that has failed starts again; after each further failure twice as many."""

LONGEST_PAUSE_S = 30.0
"""Seconds of the longest pause. A task that has run for longer before it fails begins anew."""


class Supervisor:
    """Keeps background tasks running, and knows which of them run."""

    def __init__(self, metrics: Metrics, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._metrics = metrics
        self._first_pause_s = first_pause_s
        self._running: Counter[str] = Counter()
        self._pausing: Counter[str] = Counter()

    @property
    def tasks(self) -> dict[str, bool]:
        """Whether each task runs, by name: false from a failure until it starts again.

        Several loops may have one name, such as the watches of the workers: all of them must run.
        A task that has ended because there is nothing to do is absent.
        """
        names = sorted({*+self._running, *+self._pausing})
        return {name: not self._pausing[name] for name in names}

    async def keep(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run ``loop`` until it returns or this is cancelled; after an error, again and again."""
        clock, pause_s = asyncio.get_running_loop().time, self._first_pause_s
        while True:
            begun = clock()
            if await self._run(name, loop):
                return
            if clock() - begun > LONGEST_PAUSE_S:
                pause_s = self._first_pause_s
            self._pausing[name] += 1
            try:
                await asyncio.sleep(pause_s)
            finally:
                self._pausing[name] -= 1
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _run(self, name: str, loop: Callable[[], Awaitable[None]]) -> bool:
        """Run ``loop`` once; returns whether it has ended without an error."""
        self._metrics.background_failures.labels(name)  # 0: a series that starts at 1 shows nothing
        self._running[name] += 1
        try:
            await loop()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self.failed(name, "a cancellation that nobody asked for")
        except Exception as error:  # noqa: BLE001 - whatever it is, the gateway goes on
            self.failed(name, type(error).__name__)
        else:
            return True
        finally:
            self._running[name] -= 1
        return False

    def failed(self, name: str, what: str, *, log_it: bool = True) -> None:
        """Count a failure of a task, and log it with the trace of the present error."""
        self._metrics.background_failures.labels(name).inc()
        if log_it:
            log.exception("background task %r failed (%s) and goes on; report the bug", name, what)
