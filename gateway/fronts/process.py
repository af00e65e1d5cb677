"""Child: a process of the gateway that is started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from gateway.fronts.parent_link import READY
from predictor.exit_codes import BAD_INPUT

log = logging.getLogger("lengthwise")

MOST_FAILURES = 5
"""Deaths in a row before it served, after which a child is given up."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0
"""Seconds before the second start in a row, and at most; each pause is twice the one before."""

STEADY_S = 30.0
"""Seconds of serving after which earlier failures are forgotten."""


class GaveUp(Exception):
    """A child dies again and again at its start; the message says which, and how it ended."""


class Child:
    """One process. Its ``state`` is starting, serving, down or ended.

    Args:
        name: for people, such as ``front 2``.
        command: the command line, given the descriptor of the child's end of the link.
        descriptors: those that the child inherits beside it.
        env: variables of the child beside the parent's own.
        died: called after each death, before the next start: frees what the child held.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        descriptors: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
        died: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.state = "starting"
        self.restarts = 0
        self.served = False
        """Whether it has served at any time."""
        self.serving = asyncio.Event()
        self.pid = 0
        self._command, self._descriptors, self._died = command, tuple(descriptors), died
        self._env = {**os.environ, **(env or {})}
        self._leaving = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._failures = 0
        self._ready_at = 0.0

    def signal(self, number: int) -> None:
        """Send the process a signal; after SIGTERM and SIGINT it is not started again."""
        if number in {signal.SIGTERM, signal.SIGINT, signal.SIGKILL}:
            self._leaving.set()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def keep(self) -> int:
        """Run it until it ends after ``signal``; returns its exit code, 0 if it did not serve.

        Raises:
            GaveUp: it has died too often before it served.
        """
        while not self._leaving.is_set():
            code = await self._run_once()
            self._died()
            if self._leaving.is_set():
                return self._ended(code)
            self.state = "down"
            pause = self._pause_after(code)
            self.restarts += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), pause)
        return self._ended(0)

    def _ended(self, code: int) -> int:
        self.state = "ended"
        return exit_code(code) if self._ready_at else 0

    def _pause_after(self, code: int) -> float:
        """Seconds until the next start.

        Raises:
            GaveUp: there is none.
        """
        how = f"{self.name} ended with {shown(code)}"
        if self._ready_at and monotonic() - self._ready_at >= STEADY_S:
            self._failures = 0
        # A configuration that became wrong while the gateway serves by the one of before is no
        # reason to end the gateway: the child comes back once the file is right again.
        elif not self._ready_at and not (self.served and code == BAD_INPUT):
            self._failures += 1
        if self._failures >= MOST_FAILURES or (not self.served and code == BAD_INPUT):
            raise GaveUp(f"{how}, {self._failures or 1} times before it served")
        pause = 0.0 if self._ready_at else self._backed_off()
        log.error("%s; it is started again in %.1f s", how, pause)
        return pause

    def _backed_off(self) -> float:
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self.restarts, 10))

    async def _run_once(self) -> int:
        """Start the process, follow it, and return how it ended."""
        self.state, self._ready_at = "starting", 0.0
        own, childs = socket.socketpair()
        own.setblocking(False)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(childs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,  # the one line there is the parent's
                env=self._env,
                pass_fds=(*self._descriptors, childs.fileno()),
                start_new_session=True,  # a terminal's Ctrl-C reaches it through the parent alone
            )
        finally:
            childs.close()
        self.pid = self._process.pid
        hearing = asyncio.create_task(self._hear(own))
        try:
            return await self._process.wait()
        finally:
            self.serving.clear()
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            own.close()

    async def _hear(self, link: socket.socket) -> None:
        """Take note that the process serves."""
        if await asyncio.get_running_loop().sock_recv(link, len(READY)) == READY:
            self.state, self._ready_at, self.served = "serving", monotonic(), True
            self.serving.set()


def exit_code(code: int) -> int:
    """The exit code as a shell tells it: 128 and the number for a signal."""
    return 128 - code if code < 0 else code


def shown(code: int) -> str:
    """How a process ended, for people."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
