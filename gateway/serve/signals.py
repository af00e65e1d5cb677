"""Signals from the first moment on: those that end the gateway, and those that must not."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.workers.launch import kill_all

log = logging.getLogger("lengthwise")

React = Callable[[int], None]

SOON_S = 0.9
"""Seconds after the second signal after which the process ends, whatever still runs."""

CUT_OFF = 1
"""Exit code of a process that did not end by itself after the second signal."""


def _numbers(*names: str) -> list[int]:
    """The signals that this system has and the process does not ignore (nohup)."""
    numbers = (getattr(signal, name, None) for name in names)
    return [one for one in numbers if one is not None and signal.getsignal(one) != signal.SIG_IGN]


class EndSignals:
    """Calls ``react`` with the number of each of SIGTERM and SIGINT.

    At first, and after ``instead``, a signal cancels the task that ``watched``. The second
    signal ends the process within a second, the third at once. SIGHUP calls ``on_hangup``; SIGUSR1
    and SIGUSR2 are logged and change nothing: a terminal that closes, or a tool that asks for a log
    to be opened again, must not end requests.
    """

    def __init__(self, end: React | None = None) -> None:
        self.number = 0
        """The last signal; 0 before any."""
        self.code: int | None = None
        """Exit code of a gateway that has served; None before that."""
        self.on_hangup: Callable[[], None] | None = None
        """Reads the configuration again; None: there is none to be read."""
        self._count = 0
        self._end = end or _end_now
        self._task: asyncio.Task[object] | None = None
        self._react: React = self.cancel

    def cancel(self, number: int = 0) -> None:
        """Cancel the task that ``watched``."""
        if self._task is not None:
            self._task.cancel()

    def received(self, number: int) -> None:
        """React to a signal."""
        self.number = number
        self._count += 1
        if self._count == 2:
            late = threading.Timer(SOON_S, self._end, (CUT_OFF,))
            late.daemon = True
            late.start()
        elif self._count > 2:
            self._end(128 + number)
        self._react(number)

    def _hangup(self, number: int) -> None:
        if self.on_hangup is None:
            _note(number)
        else:
            log.info("SIGHUP: reading the configuration again")
            self.on_hangup()

    def leave(self, code: int) -> None:
        """End the process now if a second signal came: Python's own end takes a second or two."""
        if self._count > 1:
            self._end(code)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Handle the signals for the length of the block; one that is ignored (nohup) stays so."""
        loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        reactions = dict.fromkeys(_numbers("SIGTERM", "SIGINT"), self.received)
        reactions |= dict.fromkeys(_numbers("SIGUSR1", "SIGUSR2"), _note)
        reactions |= dict.fromkeys(_numbers("SIGHUP"), self._hangup)
        for number, reaction in reactions.items():
            loop.add_signal_handler(number, reaction, number)
        try:
            yield
        finally:
            for number in reactions:
                loop.remove_signal_handler(number)

    @contextmanager
    def instead(self, react: React) -> Iterator[None]:
        """Call another function for the length of the block."""
        before, self._react = self._react, react
        try:
            yield
        finally:
            self._react = before


def _end_now(code: int) -> None:
    kill_all()
    os._exit(code)


def _note(number: int) -> None:
    log.warning("%s changes nothing; SIGTERM ends the gateway", signal.Signals(number).name)
