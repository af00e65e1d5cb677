"""The scheduler's process, and fronts of it in the test's own loop or in a process of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grpclib.server import Server

from gateway.config.settings import Config
from gateway.remote_scheduler.address import SchedulerAddress
from gateway.remote_scheduler.core import Core
from gateway.remote_scheduler.remote_scheduler import RemoteScheduler
from gateway.remote_scheduler.scheduling import Scheduling, scheduling
from gateway.remote_scheduler.service import Bytes, Service
from tests.gateway.harness import until


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A folder of the owner's whose path is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="lw-") as folder:
        yield Path(folder)


@dataclass
class SchedulerProcess:
    """``python -m gateway.remote_scheduler``, or another command, on a Unix socket."""

    path: Path
    fronts: int
    process: asyncio.subprocess.Process | None = None
    command: Sequence[str] = ("gateway.remote_scheduler",)

    async def start(self) -> None:
        """Start the process, and return once it listens."""
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *self.command),
            *("--listen", f"unix:{self.path}", "--fronts", str(self.fronts)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(50):
            line = await self.process.stdout.readline()
        assert line == f"Lengthwise's scheduler is at unix:{self.path}\n".encode()

    async def kill(self, number: int = signal.SIGKILL) -> int:
        """End the process by a signal; returns its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            os.kill(self.process.pid, number)
        return await self.process.wait()


@contextlib.asynccontextmanager
async def scheduler_process(path: Path, fronts: int) -> AsyncIterator[SchedulerProcess]:
    """A running scheduler's process, which is killed at the end."""
    process = SchedulerProcess(path, fronts)
    await process.start()
    try:
        yield process
    finally:
        await process.kill()


@contextlib.asynccontextmanager
async def served(path: Path, token: str = "") -> AsyncIterator[Core]:
    """A service on a Unix socket in this loop."""
    core = Core(7, time.monotonic)
    service = Service(core, token)
    server = Server([service], codec=Bytes())
    await server.start(path=str(path))
    watch = asyncio.create_task(service.watch())
    try:
        yield core
    finally:
        watch.cancel()
        server.close()
        await server.wait_closed()


@contextlib.asynccontextmanager
async def front_at(path: Path, name: str = "front", token: str = "") -> AsyncIterator[Scheduling]:
    """A front that follows the scheduler at a path."""
    async with front_of(SchedulerAddress(path=path, front=name, token=token)) as front:
        yield front


@contextlib.asynccontextmanager
async def front_of(address: SchedulerAddress) -> AsyncIterator[Scheduling]:
    """A front that follows the scheduler at an address."""
    front = scheduling(Config(), address)
    async with front.running():
        yield front


def remote_of(front: Scheduling) -> RemoteScheduler:
    """The scheduler of a front."""
    assert isinstance(front.dispatcher.scheduler, RemoteScheduler)
    return front.dispatcher.scheduler


async def there(*fronts: Scheduling) -> None:
    """Return once all fronts have the scheduler."""
    await until(lambda: not any(one.dispatcher.away() for one in fronts), "the scheduler is there")
