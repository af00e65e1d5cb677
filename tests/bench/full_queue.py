"""10,000 requests that wait at once: memory, hang-ups, and the operators' pages.

    python -m tests.bench.full_queue [--waiting N] [--refined] [--check]

A gateway on the first core, before a worker of four slots that takes requests and never answers, so
that nothing else moves. Clients on the last core send N requests of differing texts and limits.
Once all wait and the forecasts are made:

- memory of the gateway's process;
- each operators' page, asked 20 times one after the other through the Unix socket: CPU time of the
  gateway for one, and its time on the clock. The order of the queue is taken anew for each;
- hang-ups, a thousand at once: CPU time of the gateway until they are out of the queue, for each.

What waiting itself costs (the deadlines' clock, probes) is measured before, shown, and taken off.
``--refined`` has the refined tier too, which improves the forecasts of what waits. ``--check``
fails above 300 MB, 1 ms of CPU a hang-up and 50 ms of CPU a page: the time on the clock is that of
the machine's other programs too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any
from uuid import uuid4

import aiohttp

from tests.bench import mock_engine
from tests.bench.processes import beside, cpu_s, memory_mb, most_clients
from tests.chaos.processes import Process, free_ports

WAITING, SLOTS, ASKED, TOGETHER = 10_000, 4, 20, 1000
MOST_MB, MOST_CANCEL_MS, MOST_PAGE_MS = 300.0, 1.0, 50.0
FRESH_S = 0.6
"""Seconds after which the order of the queue is taken anew."""

MIDDLE = "in-the-middle"
PAGES = (
    "/admin/queue?limit=100",
    "/admin/queue?limit=1000",
    f"/admin/requests/{MIDDLE}",
    "/admin/status",
    "/admin/top",
    "/ready",
    "/metrics",
)
TASKS = ("Explain {} in one word.", "Explain {} in 50 words.", "Write an essay about {}.", "{}?")


def clients(said: Connection, port: int) -> None:
    """The process of the clients: sends as many requests as it is told, then hangs up as many."""
    asyncio.run(_clients(said, port))


async def _clients(said: Connection, port: int) -> None:
    loop = asyncio.get_running_loop()
    open_ones: list[asyncio.Transport] = []
    count = said.recv()
    for number in range(count):
        transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
        transport.write(_request(number, MIDDLE if number == count // 2 else uuid4().hex))
        open_ones.append(transport)
        if number % 100 == 99:
            await asyncio.sleep(0.02)
    said.send(len(open_ones))
    while count := await asyncio.to_thread(said.recv):
        leaving, open_ones = open_ones[-count:], open_ones[:-count]
        for one in leaving:
            one.abort()
        said.send(len(open_ones))


def _request(number: int, name: str) -> bytes:
    text = TASKS[number % len(TASKS)].format(f"number {number}, and what follows from it")
    body = json.dumps(
        {
            "model": mock_engine.MODEL,
            "messages": [{"role": "user", "content": text}],
            "stream": number % 2 == 0,
            "max_tokens": 100 + number % 900,
        }
    )
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nx-request-id: {name}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()


@dataclass(slots=True)
class Queue:
    """A gateway with a full queue."""

    pid: int
    admin: aiohttp.ClientSession
    idle_share: float = 0.0
    """CPU seconds a second that waiting costs."""

    async def get(self, path: str) -> Any:
        """A page as text."""
        async with self.admin.get("http://admin" + path) as response:
            assert response.status == 200, (path, response.status)
            return await response.text()

    async def waiting(self) -> int:
        """How many wait."""
        found: int = json.loads(await self.get("/admin/queue?limit=1"))["waiting"]
        return found

    async def until_waiting(self, *, least: int = 0, most: int = sys.maxsize) -> None:
        """Return once so many wait."""
        async with asyncio.timeout(600):
            while not least <= await self.waiting() <= most:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.1)

    async def until_quiet(self) -> None:
        """Return once the forecasts are made, and measure what waiting costs."""
        last = 1.0
        for _ in range(60):
            before, begun = cpu_s(self.pid), monotonic()
            await asyncio.sleep(2)
            share = (cpu_s(self.pid) - before) / (monotonic() - begun)
            if share > 0.9 * last and share < 0.3:
                break
            last = share
        self.idle_share = share

    async def page(self, path: str) -> tuple[float, list[float]]:
        """Milliseconds of CPU for an answer, and on the clock for each."""
        took, spent = [], 0.0
        for _ in range(ASKED):
            await asyncio.sleep(FRESH_S)
            before, begun = cpu_s(self.pid), monotonic()
            await self.get(path)
            seconds = monotonic() - begun
            spent += cpu_s(self.pid) - before - self.idle_share * seconds
            took.append(1e3 * seconds)
        return 1e3 * spent / ASKED, took

    async def hang_up(self, said: Connection, count: int) -> float:
        """Milliseconds of CPU for each of so many hang-ups."""
        left = await self.waiting() - count
        before, begun = cpu_s(self.pid), monotonic()
        said.send(count)
        await asyncio.to_thread(said.recv)
        await self.until_waiting(most=left)
        spent = cpu_s(self.pid) - before - self.idle_share * (monotonic() - begun)
        return 1e3 * spent / count


@asynccontextmanager
async def full(waiting: int, *, refined: bool) -> AsyncIterator[tuple[Queue, Connection, float]]:
    """A gateway whose queue is full, its clients, and its memory before they came."""
    with tempfile.TemporaryDirectory() as path, beside(mock_engine.hold) as engine:
        folder, port = Path(path), free_ports(1)[0]
        config = {
            "workers": [{"url": engine.recv(), "max_num_seqs": SLOTS}],
            "admin": {"listen": str(folder / "admin.sock")},
            "predictor": {"refine": refined},
            "queue": {"timeout_s": 3600, "max_waiting": waiting, "no_worker_grace_s": 600},
            "health": {"timeout_s": 60, "failures": 100},  # however busy the machine is
            "requests": {"first_token_timeout_s": 3600},
        }
        file = folder / "lengthwise.yaml"
        file.write_text(json.dumps(config))
        gateway = Process(("serve", "--config", str(file)), port, folder / "log")
        gateway.start()
        os.sched_setaffinity(gateway.pid, {min(os.sched_getaffinity(0))})
        try:
            await gateway.answers()
            inside = aiohttp.UnixConnector(str(folder / "admin.sock"))
            async with aiohttp.ClientSession(connector=inside) as admin:
                queue = Queue(gateway.pid, admin)
                with beside(clients, port) as said:
                    before = memory_mb(gateway.pid)
                    said.send(waiting)
                    await asyncio.to_thread(said.recv)
                    await queue.until_waiting(least=waiting - 2 * SLOTS)
                    await queue.until_quiet()
                    yield queue, said, before
        finally:
            await gateway.end()


async def measure(waiting: int, *, refined: bool) -> bool:
    """Measure, print the tables, and say whether all goals are kept."""
    async with full(waiting, refined=refined) as (queue, said, before):
        held = memory_mb(queue.pid)
        print(f"memory: {before:.0f} MB before, {held:.0f} MB with {await queue.waiting()} waiting")
        print(f"CPU while they wait: {100 * queue.idle_share:.1f} % of a core", flush=True)
        print("| page | CPU, ms | on the clock, ms: median, longest |\n|---|---|---|")
        kept = held < MOST_MB
        for path in PAGES:
            cpu_ms, took = await queue.page(path)
            print(f"| `{path}` | {cpu_ms:.1f} | {median(took):.0f}, {max(took):.0f} |", flush=True)
            kept &= cpu_ms < MOST_PAGE_MS
        costs = [await queue.hang_up(said, TOGETHER) for _ in range(waiting // TOGETHER // 2)]
        print(
            f"a hang-up, {TOGETHER} at once: {median(costs):.2f} ms of CPU "
            f"({min(costs):.2f} to {max(costs):.2f})"
        )
        print(f"memory after {TOGETHER * len(costs)} hang-ups: {memory_mb(queue.pid):.0f} MB")
        return kept and max(costs) < MOST_CANCEL_MS


def main(words: Sequence[str]) -> int:
    """Measure; returns the exit status."""
    parser = argparse.ArgumentParser(description="a gateway with a full queue")
    parser.add_argument("--waiting", type=int, default=WAITING)
    parser.add_argument("--refined", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(words)
    kept = asyncio.run(measure(min(args.waiting, most_clients()), refined=args.refined))
    print(f"load average of the machine at the end: {os.getloadavg()[0]:.1f}")
    return int(args.check and not kept)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
