"""The processes of a run: the gateway and the emulated workers, and what /proc tells of them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

START_S = 120.0
MIB = 2**20


def free_ports(count: int) -> list[int]:
    """Ports below those that outgoing connections get, so that a port is free again later."""
    found: list[int] = []
    rng = random.Random()
    while len(found) < count:
        port = rng.randrange(10_000, 20_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


@dataclass(slots=True)
class Process:
    """``lengthwise`` with ``arguments``, whose output goes to ``log``."""

    arguments: tuple[str, ...]
    port: int
    log: Path
    _running: subprocess.Popen[bytes] | None = None
    _output: IO[bytes] | None = None

    def start(self) -> None:
        """Start it; ``answers`` waits until it serves."""
        self._output = self.log.open("ab")
        self._running = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", *self.arguments, "--port", str(self.port)],
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._running is not None
        return self._running.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._running is not None and self._running.poll() is None

    async def answers(self) -> None:
        """Wait until it takes connections."""
        async with asyncio.timeout(START_S):
            while True:
                if not self.runs:
                    raise RuntimeError(f"{self.arguments[0]} ended; see {self.log}")
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    return

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        if self.runs:
            os.kill(self.pid, number)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """End it; returns its exit code. One that does not end within 20 s is killed."""
        if self._running is None:
            return None
        self.send(number)
        for _ in range(400):
            if not self.runs:
                break
            await asyncio.sleep(0.05)
        self.send(signal.SIGKILL)
        code = await asyncio.to_thread(self._running.wait)
        if self._output is not None:
            self._output.close()
        return code


@dataclass(slots=True)
class Usage:
    """What a process uses: samples of (second, resident MiB, descriptors)."""

    samples: list[tuple[float, float, int]] = field(default_factory=list)
    cpu_s: float = 0.0
    """CPU time between the first sample and the last."""
    _cpu_before: float = 0.0

    def sample(self, pid: int, second: float) -> None:
        """Read /proc."""
        if not self.samples:
            self._cpu_before = cpu_seconds(pid)
        self.samples.append((second, resident_mib(pid), descriptors(pid)))
        self.cpu_s = cpu_seconds(pid) - self._cpu_before


def resident_mib(pid: int) -> float:
    """Resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def descriptors(pid: int) -> int:
    """Open descriptors."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
