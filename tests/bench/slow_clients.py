"""What idle, slow and non-reading clients cost the honest ones beside them.

    python -m tests.bench.slow_clients [--blocks N] [--check]

50 honest clients ask for a short answer once a second. They are measured in blocks of one run, in
turn alone and beside 2,000 idle connections, 500 that send a header or a body a byte a second, and
200 that ask for a stream and do not read. Of these, half ask for 500 tokens, as real clients do
(such a stream ends in buffers, and its client is cut later), half for a stream without an end. Who
is cut comes again within a second, so there are as many at the end of a block as at its beginning.
The block in which they arrive, over five seconds, is printed and not judged.

The gateway, the worker, the honest clients and the others are a process each. The worker has a
place for each request, answers the honest ones at once, and writes streams as fast as they are
taken: the worst case for the gateway. The machine needs a free core for the gateway. ``--check``
fails if the honest clients' p99 beside the others exceeds 1.5 times that alone, or the gateway's
memory 500 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import resource
import select
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import aiohttp
import numpy as np
from yarl import URL

from gateway.protocol.dialects.reader import parsed
from tests.gateway.harness import chat, post
from tests.gateway.raw import request
from tests.gateway.scripted import ANSWER, CHUNK, STREAM_HEAD, answer, chunked, scripted
from tests.gateway.slow_client import opened

HONEST, IDLE, SLOW, UNREAD = 50, 2000, 500, 200
BLOCK_S, ARRIVAL_S = 10.0, 5.0
TOKENS = 500
RATIO, MOST_MB = 1.5, 500
TOGETHER = 7
"""Clients that act in one moment: a hundred moments a second."""

_SPAWN = multiprocessing.get_context("spawn")


async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer at once, or with a stream of as many tokens as the body asks for."""
    body = b""
    while (asked := parsed(body)) is None:
        if not (part := await reader.read(65536)):
            return
        body += part
    if not asked.get("stream"):
        writer.write(answer(ANSWER))
        return
    writer.write(STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
    for _ in range(asked["max_tokens"] // 100):
        writer.write(chunked(CHUNK * 100))
        await writer.drain()
    writer.write(chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def worker(said: Connection) -> None:
    """A worker's process; says its URL."""

    async def serve() -> None:
        async with scripted(script) as running:
            said.send(running.url)
            await asyncio.Event().wait()

    asyncio.run(serve())


def others(said: Connection, url: str) -> None:
    """The process of the idle, slow and non-reading clients; says when all are there."""
    asyncio.run(_others(said, url))


async def _others(said: Connection, url: str) -> None:
    target = URL(url)
    assert target.host is not None
    assert target.port is not None
    path = "/v1/chat/completions"
    head = request(b"POST", path, body=b"x" * 5000)[:-4999]
    asked = [chat(stream=True, max_tokens=tokens) for tokens in (TOKENS, 10**9)]
    streams = [request(b"POST", path, body=json.dumps(body).encode()) for body in asked]
    starts = [b""] * IDLE + [head[:60], head] * (SLOW // 2) + streams * (UNREAD // 2)
    order = np.random.default_rng(0).permutation(len(starts))
    clients: dict[int, socket.socket] = {}
    began = perf_counter()
    for done, number in enumerate(order):
        clients[number] = await opened(target.host, target.port, starts[number])
        await asyncio.sleep(began + ARRIVAL_S * done / len(order) - perf_counter())
    said.send("all are there")
    active = [number for number in order if number >= IDLE]  # each at its own moment
    while True:
        began = perf_counter()
        for place, number in enumerate(active):
            if place % TOGETHER == 0:
                await asyncio.sleep(began + place / len(active) - perf_counter())
            one = clients[number]
            if _closed(one, slow=number < IDLE + SLOW):
                one.close()
                clients[number] = await opened(target.host, target.port, starts[number])


def _closed(one: socket.socket, *, slow: bool) -> bool:
    """Whether the gateway has closed a connection; a slow client sends a byte meanwhile."""
    if slow:
        with contextlib.suppress(OSError):
            one.send(b"a")
    looked = select.poll()
    looked.register(one, select.POLLRDHUP)  # and, always, POLLERR and POLLHUP
    return bool(looked.poll(0))


@contextlib.contextmanager
def process(target: object, *args: object) -> Iterator[Connection]:
    """A process of its own to the end of the block, and what it says."""
    here, there = _SPAWN.Pipe()
    one = _SPAWN.Process(target=target, args=(there, *args), daemon=True)  # type: ignore[arg-type]
    one.start()
    try:
        yield here
    finally:
        one.kill()
        one.join()


@contextlib.asynccontextmanager
async def gateway_process(url: str, slots: int) -> AsyncIterator[tuple[str, int]]:
    """The gateway's URL and process id."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(
            f"listen: {{port: 0}}\nworkers: [{{url: {url}, max_num_seqs: {slots}}}]\n"
        )
        one = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.cli", "serve", "--config", str(config)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert one.stdout is not None
        try:
            yield (await one.stdout.readline()).decode().split()[-1], one.pid
        finally:
            one.kill()
            await one.wait()


async def honest(url: str, seconds: float) -> list[float]:
    """Latencies of the honest clients, in seconds."""
    found: list[float] = []
    start = perf_counter()

    async def one(session: aiohttp.ClientSession, offset: float) -> None:
        while (due := start + offset) < start + seconds:
            await asyncio.sleep(due - perf_counter())
            status, _ = await post(session, url, chat())
            assert status == 200
            found.append(perf_counter() - due)
            offset = max(offset + 1, perf_counter() - start)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(one(session, number / HONEST) for number in range(HONEST)))
    return found


def memory_mb(pid: int) -> float:
    """The resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def cpu_s(pid: int) -> float:
    """The CPU seconds that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(blocks: int, slots: int) -> tuple[float, float, float]:
    """The honest clients' p99 alone and beside the others in ms, and the most memory in MB."""
    alone: list[float] = []
    beside: list[float] = []
    most = 0.0
    with process(worker) as said:
        async with gateway_process(said.recv(), slots) as (url, pid):
            await honest(url, 3)  # the first requests load what comes later
            for _ in range(blocks):
                alone += await block(pid, "alone", honest(url, BLOCK_S))
                with process(others, url) as all_there:
                    await block(pid, "arriving", honest(url, BLOCK_S))
                    beside += await block(pid, "beside", honest(url, BLOCK_S))
                    assert all_there.poll(), "the others have not arrived in time"
                    most = max(most, memory_mb(pid))
                await asyncio.sleep(2)  # their connections end
    return float(np.quantile(alone, 0.99)) * 1e3, float(np.quantile(beside, 0.99)) * 1e3, most


async def block(pid: int, name: str, measured: Awaitable[list[float]]) -> list[float]:
    """Measure one block and print it."""
    before = cpu_s(pid)
    found = await measured
    p50, p99 = np.quantile(found, (0.5, 0.99)) * 1e3
    spent = (cpu_s(pid) - before) / BLOCK_S
    print(f"{name}: median {p50:.1f} ms, p99 {p99:.1f} ms, {spent:.0%} of a core", flush=True)
    return found


def main() -> int:
    """Measure, print, and judge with ``--check``."""
    parser = argparse.ArgumentParser(description="honest clients beside idle and slow ones")
    parser.add_argument("--blocks", type=int, default=4, help="blocks with and without the others")
    parser.add_argument("--slots", type=int, default=1000, help="sequences of the worker")
    parser.add_argument("--check", action="store_true", help="fail above the bounds")
    args = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ["LENGTHWISE_PREDICTOR_REFINE"] = "false"
    alone, beside, most = asyncio.run(measure(args.blocks, args.slots))
    print(f"p99 alone {alone:.1f} ms, beside {beside:.1f} ms: {beside / alone:.2f}; {most:.0f} MB")
    return int(args.check and (beside > RATIO * alone or most > MOST_MB))


if __name__ == "__main__":
    sys.exit(main())
