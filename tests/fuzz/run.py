"""One run: a real gateway before a real emulated worker, and clients that send odd requests."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tests.chaos.processes import Process, Usage, free_ports
from tests.fuzz.client import Outcome, send
from tests.fuzz.wire import Case, large, ordinary

CONFIG = """\
workers: [{{url: http://127.0.0.1:{worker}}}]
requests: {{timeout_s: 20, body_timeout_s: 5}}
queue: {{timeout_s: 20}}
learning: {{folder: "{folder}/learned"}}
"""

LATE = "the predictor was late (took longer than"
"""What the log may say: a forecast was late on a busy machine."""

WARM = 0.3
"""Part of the run after which memory and descriptors are compared with the end."""


class _Watched(Process):
    """The gateway with a heartbeat."""

    def start(self) -> None:
        """Start it."""
        self._output = self.log.open("ab")
        pauses = str(self.log.with_suffix(".pauses"))
        self._running = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.fuzz.watched", pauses),
                *(*self.arguments, "--port", str(self.port)),
            ],
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )


class Pause(NamedTuple):
    """The event loop did nothing else for a while."""

    own_s: float
    """Processor time of the loop's thread: what its code took, on however busy a machine."""
    process_s: float
    """Processor time of all threads of the gateway."""
    wall_s: float
    under_way: str
    """The large requests at that time."""

    @property
    def held_s(self) -> float:
        """The most for which any thread can have held the interpreter, which the loop needs."""
        return min(self.process_s, self.wall_s)

    def __str__(self) -> str:
        times = (f"{1000 * part:.0f}" for part in (self.own_s, self.process_s, self.wall_s))
        return f"{'/'.join(times)} ms, {self.under_way}"


@dataclass(slots=True)
class Report:
    """What a run has shown."""

    requests: int
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    """Of the gateway's loop, those first in which its thread worked longest."""
    usage: Usage = field(default_factory=Usage)
    log_faults: list[str] = field(default_factory=list)
    outcomes: dict[str, float] = field(default_factory=dict)
    in_flight: float = -1.0
    exit_code: int | None = None


async def run(requests: int, seed: int, folder: Path, clients: int, large_every: int) -> Report:
    """Send so many requests, one in ``large_every`` large; ``folder`` gets logs and state."""
    worker_port, port = free_ports(2)
    config = folder / "gateway.yaml"
    config.write_text(CONFIG.format(worker=worker_port, folder=folder), encoding="utf-8")
    worker = Process(("emulate", "--speed", "200"), worker_port, folder / "worker.log")
    gateway = _Watched(("serve", "--config", str(config)), port, folder / "gateway.log")
    report = Report(requests)
    try:
        for process in (worker, gateway):
            process.start()
            await process.answers()
        await _until_ready(port)
        begun, since = time.monotonic(), time.time()
        spans = await _send_all(port, seed, clients, large_every, report, gateway.pid)
        report.seconds = time.monotonic() - begun
        await _settle(port, report)
        report.usage.sample(gateway.pid, time.monotonic())
    finally:
        report.exit_code = await gateway.end()
        await worker.end()
    _read_log(gateway.log, report)
    _read_pauses(gateway.log.with_suffix(".pauses"), since, spans, report)
    return report


Span = tuple[float, float, str]
"""Begin and end of a large request, and its kind."""


async def _send_all(
    port: int, seed: int, clients: int, large_every: int, report: Report, pid: int
) -> list[Span]:
    spans: list[Span] = []
    numbers = iter(range(report.requests))
    heavy = asyncio.Semaphore(2)

    async def one_client() -> None:
        for number in numbers:
            if number == int(report.requests * WARM):
                report.usage.sample(pid, time.monotonic())
            rng = random.Random(f"{seed}/{number}")
            begun = time.time()
            if number % large_every == large_every - 1:
                async with heavy:
                    case = await asyncio.to_thread(large, rng)
                    begun = time.time()
                    outcome = await send(port, case.data)
                spans.append((begun, time.time(), f"{case.kind} ({number})"))
            else:
                case = ordinary(rng)
                outcome = await send(port, case.data)
            _note(report, number, case, outcome)

    await asyncio.gather(*(one_client() for _ in range(clients)))
    return spans


def _note(report: Report, number: int, case: Case, outcome: Outcome) -> None:
    report.statuses[" ".join(map(str, outcome.statuses)) or "closed"] += 1
    if outcome.fault:
        report.faults.append(f"request {number}, {case.kind}: {outcome.fault}")


async def _until_ready(port: int) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        for _ in range(600):
            async with session.get(f"http://127.0.0.1:{port}/ready") as response:
                if response.status == 200:
                    return
            await asyncio.sleep(0.1)


async def _settle(port: int, report: Report) -> None:
    """Wait until no request is in flight, and read the outcomes."""
    async with aiohttp.ClientSession() as session:
        for _ in range(300):
            async with session.get(f"http://127.0.0.1:{port}/metrics") as response:
                lines = (await response.text()).splitlines()
            values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
            report.in_flight = float(values["lengthwise_requests_in_flight"])
            if not report.in_flight:
                break
            await asyncio.sleep(0.1)
    for name, value in values.items():
        if name.startswith("lengthwise_requests_total"):
            outcome = name.split('outcome="')[1].split('"')[0]
            report.outcomes[outcome] = report.outcomes.get(outcome, 0) + float(value)


def _read_log(log: Path, report: Report) -> None:
    signs = ("Traceback", "Exception", " ERROR", "CRITICAL", "never retrieved")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    report.log_faults = [
        line for line in lines if any(sign in line for sign in signs) and LATE not in line
    ]


def _read_pauses(file: Path, since: float, spans: list[Span], report: Report) -> None:
    """Note the pauses from the first request on: what it takes to start holds up nobody."""
    for line in file.read_text(encoding="utf-8").splitlines():
        end, own, process, wall = map(float, line.split())
        if end < since:
            continue
        under_way = [
            kind for begun, ended, kind in spans if begun <= end and ended >= end - wall - 0.05
        ]
        kinds = "; ".join(under_way) or "small requests alone"
        report.pauses.append(Pause(own, process, wall, kinds))
    report.pauses.sort(reverse=True)
