"""Child: a process of the gateway that is started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence

from gateway.fronts.back_off import NOT_STARTED, BackOff
from gateway.fronts.parent_link import READY

log = logging.getLogger("lengthwise")


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
        self.serving = asyncio.Event()
        self.pid = 0
        self._command, self._descriptors, self._died = command, tuple(descriptors), died
        self._env = {**os.environ, **(env or {})}
        self._leaving = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._back_off = BackOff()
        self._last = 0
        """The last signal that ends the process; 0 before any."""
        self._hangup = False
        """Whether the process must read its configuration again once it serves."""

    @property
    def served(self) -> bool:
        """Whether it has served at any time."""
        return self._back_off.served

    def signal(self, number: int) -> None:
        """Send the process a signal; after SIGTERM and SIGINT it is not started again."""
        if number in {signal.SIGTERM, signal.SIGINT, signal.SIGKILL}:
            self._last = number
            self._leaving.set()
        self._send(number)

    def tell(self, number: int) -> None:
        """Send a signal that changes something, such as SIGHUP, and ends nothing.

        A process that has not begun to serve would die of it: it may not handle signals yet. It
        hears of SIGHUP once it serves, as it may have read the configuration before.
        """
        if self.serving.is_set():
            self._send(number)
        elif number == signal.SIGHUP:
            self._hangup = True

    def _send(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def keep(self) -> int:
        """Run it until it ends after ``signal``; returns its exit code, 0 if it did not serve.

        Raises:
            GaveUp: it has died too often before it served.
        """
        while not self._leaving.is_set():
            how, code = await self._lived()
            self._died()
            if self._leaving.is_set():
                return self._ended(code)
            self.state = "down"
            pause = self._back_off.pause_after(code)
            if pause is None:
                raise GaveUp(f"{how}, {self._back_off.failures or 1} times before it served")
            log.error("%s; it is started again in %.1f s", how, pause)
            self.restarts += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), pause)
        return self._ended(0)

    def _ended(self, code: int) -> int:
        self.state = "ended"
        return exit_code(code) if self._back_off.serves else 0

    async def _lived(self) -> tuple[str, int]:
        """Start the process and follow it; how it ended, for people and as a code."""
        try:
            code = await self._run_once()
        except OSError as error:  # no such program any more, no memory, no more processes
            return f"{self.name} could not be started ({error})", NOT_STARTED
        return f"{self.name} ended with {shown(code)}", code

    async def _run_once(self) -> int:
        """Start the process, follow it, and return how it ended."""
        self.state, self._process = "starting", None
        self._back_off.started()
        own, childs = socket.socketpair()
        own.setblocking(False)
        with own, childs:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(childs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,  # the one line there is the parent's
                env=self._env,
                pass_fds=(*self._descriptors, childs.fileno()),
                start_new_session=True,  # a terminal's Ctrl-C reaches it through the parent alone
            )
            childs.close()
            return await self._follow(self._process, own)

    async def _follow(self, process: asyncio.subprocess.Process, own: socket.socket) -> int:
        """Wait for the end of a process that has been started."""
        self.pid = process.pid
        if self._leaving.is_set():  # the signal came while the process was being started
            self._send(self._last)
        hearing = asyncio.create_task(self._hear(own))
        try:
            return await process.wait()
        finally:
            self.serving.clear()
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _hear(self, link: socket.socket) -> None:
        """Take note that the process serves."""
        if await asyncio.get_running_loop().sock_recv(link, len(READY)) == READY:
            self.state = "serving"
            self._back_off.ready()
            self.serving.set()
            if self._hangup:
                self._hangup = False
                self.tell(signal.SIGHUP)


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
