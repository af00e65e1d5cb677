"""Signals of the parent: passed on to all processes of the gateway, in their order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

from gateway.fronts.group import Group

log = logging.getLogger("lengthwise")

LAST_S = 3.0
"""Seconds after the second signal after which processes that still run are killed."""

_PASSED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class RelayedSignals:
    """SIGTERM and SIGINT drain all fronts; the second one cuts; the third kills.

    Processes that serve no clients end after the last front.
    """

    def __init__(self, group: Group) -> None:
        self.number = 0
        """The last signal that ends the gateway; 0 before any."""
        self._group = group
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Pass signals on for the length of the block; one that is ignored (nohup) stays so."""
        loop = asyncio.get_running_loop()
        reactions = {signal.SIGTERM: self.received, signal.SIGINT: self.received}
        reactions |= dict.fromkeys(_PASSED, self._pass)
        taken = [one for one in reactions if signal.getsignal(one) != signal.SIG_IGN]
        for one in taken:
            loop.add_signal_handler(one, reactions[one], one)
        try:
            yield
        finally:
            for one in taken:
                loop.remove_signal_handler(one)

    def end(self) -> None:
        """Drain all fronts, as after a first SIGTERM."""
        if not self._count:
            self.received(signal.SIGTERM)

    def received(self, number: int) -> None:
        """React to a signal that ends the gateway."""
        self.number = number
        self._count += 1
        self._group.leaving = True
        if self._count > 2:
            self._kill()
            os._exit(128 + number)
        for child in self._group.fronts:
            child.signal(number)
        if self._count == 1:
            self._begin(self._end_others())
        else:
            self._begin(self._kill_late())

    def _pass(self, number: int) -> None:
        """Tell the fronts; the scheduler's process has its settings from them."""
        for child in self._group.fronts:
            child.tell(number)

    async def _end_others(self) -> None:
        while any(child.state != "ended" for child in self._group.fronts):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        for child in self._group.others:
            child.signal(signal.SIGTERM)

    async def _kill_late(self) -> None:
        await asyncio.sleep(LAST_S)
        log.warning("processes that still run are killed")
        self._kill()

    def _kill(self) -> None:
        for child in (*self._group.fronts, *self._group.others):
            child.signal(signal.SIGKILL)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
