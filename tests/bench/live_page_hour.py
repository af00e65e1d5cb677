"""The live page before a gateway under load, by the clock: python -m tests.bench.live_page_hour.

A gateway as it is installed, 64 emulated workers of 28 slots in a process beside it, and 2,000
clients, each of which sends its next request when it has its answer: 1,792 requests run, the others
wait. One in eight streams. Steps take two seconds, so that all of it is little work for a machine.
The page is open in headless Chromium for ``--minutes``, and the gateway runs for some minutes
without a viewer before and after.

Printed at each eighth: the page's JavaScript heap after a garbage collection, its elements, its
link, the memory of the gateway, and the requests that ended. And the CPU time of the gateway with
and without a viewer. With --check it ends with 1 where the page has grown by a tenth (1 MB at
least) since the first eighth, has lost its link, costs the gateway more than 2 % of a core, or a
request was refused: then the machine had no time for the workers, and the load was another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import aiohttp
from playwright.async_api import CDPSession, Page, expect

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from tests.bench.processes import cpu_s, memory_mb, most_clients
from tests.gateway.admin.dashboard.browser import browser, page

WORKERS, SLOTS, CLIENTS = 64, 28, 2000
STREAMED = 8
MOST_GROWTH, LEAST_MB, MOST_CORE = 1.1, 1.0, 0.02
PARTS = 8
PAUSE_S = 5.0
"""Seconds after a refusal: a client that asks again at once is a load of its own."""


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A Python module as a process of its own, and the first line that it prints."""
    one = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert one.stdout is not None
        yield one, one.stdout.readline()
    finally:
        one.terminate()
        one.communicate()


def workers() -> None:
    """Run all workers until SIGTERM; prints their URLs as a JSON list."""
    engine = EngineConfig(max_num_seqs=SLOTS, num_blocks=4096, max_model_len=4096)
    config = EmulatorConfig(("emulated",), engine, StepCosts(base=2.0))
    with ExitStack() as stack:
        running = [stack.enter_context(EmbeddedEmulator(config)) for _ in range(WORKERS)]
        print(json.dumps([one.url for one in running]), flush=True)
        signal.pause()


async def client(
    session: aiohttp.ClientSession, url: str, number: int, ended: Counter[int]
) -> None:
    """Send requests one after another, until cancelled; ``ended`` counts their statuses."""
    rng = random.Random(number)
    await asyncio.sleep(60 * rng.random())
    while True:
        tokens = min(1000, max(5, round(rng.lognormvariate(4.4, 0.8))))
        prompt = f"Task {number % 40}: " + "describe " * rng.randint(5, 60)
        body = {
            "model": "emulated",
            "messages": [{"role": "user", "content": prompt}],
            "vllm_xargs": {"target_tokens": tokens},
            "stream": number % STREAMED == 0,
        }
        async with session.post(url + "/v1/chat/completions", json=body) as response:
            await response.read()
            ended[response.status] += 1
        if response.status != 200:
            await asyncio.sleep(PAUSE_S)


@dataclass(frozen=True, slots=True)
class Look:
    """What is seen of the page and the gateway at one moment."""

    heap_mb: float
    nodes: int
    link: str
    gateway_mb: float


async def look(shown: Page, session: CDPSession, pid: int) -> Look:
    """The page after a garbage collection."""
    await session.send("HeapProfiler.collectGarbage")
    found = await session.send("Performance.getMetrics")
    values = {one["name"]: one["value"] for one in found["metrics"]}
    nodes: int = await shown.evaluate("document.querySelectorAll('*').length")
    link = await shown.locator("#link").inner_text()
    return Look(values["JSHeapUsedSize"] / 1e6, nodes, link, memory_mb(pid))


async def watched(url: str, pid: int, minutes: float, ended: Counter[int]) -> list[Look]:
    """Keep the page open; what was seen at each eighth of the time."""
    looks = []
    async with browser() as one, page(one, url + "/dashboard") as (shown, complaints):
        await expect(shown.locator("#link")).to_have_text("live")
        session = await shown.context.new_cdp_session(shown)
        await session.send("Performance.enable")
        for part in range(1, PARTS + 1):
            await asyncio.sleep(60 * minutes / PARTS)
            looks.append(await look(shown, session, pid))
            print(f"{minutes * part / PARTS:.1f} min: {looks[-1]}, {dict(ended)} ended", flush=True)
        print("complaints of the page:", complaints[:5] or "none", flush=True)
    return looks


async def rate(pid: int, minutes: float) -> float:
    """CPU seconds a second of the gateway alone, over so many minutes."""
    begun, before = time.monotonic(), cpu_s(pid)
    await asyncio.sleep(60 * minutes)
    return (cpu_s(pid) - before) / (time.monotonic() - begun)


async def measure(url: str, pid: int, minutes: float, alone: float) -> bool:
    """Whether a bound is broken."""
    ended = Counter[int]()
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        tasks = [asyncio.create_task(client(session, url, n, ended)) for n in range(CLIENTS)]
        await asyncio.sleep(180)  # until requests end as fast as they come
        rates = [await rate(pid, alone)]
        begun, before, answered = time.monotonic(), cpu_s(pid), ended[200]
        looks = await watched(url, pid, minutes, ended)
        took = time.monotonic() - begun
        viewed, answers = (cpu_s(pid) - before) / took, (ended[200] - answered) / took
        rates.append(await rate(pid, alone))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(
        f"gateway: {viewed:.3f} of a core with a viewer, {rates[0]:.3f} before, {rates[1]:.3f} "
        f"after; {answers:.1f} answers a second; by status: {dict(ended)}; "
        f"load average {os.getloadavg()[2]:.1f}"
    )
    first, last = looks[0], looks[-1]
    grown = last.heap_mb > max(first.heap_mb * MOST_GROWTH, first.heap_mb + LEAST_MB)
    lost = any(one.link != "live" for one in looks)
    return grown or lost or set(ended) != {200} or viewed - max(rates) > MOST_CORE


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="that the page is open")
    parser.add_argument("--alone", type=float, default=4.0, help="minutes before and after")
    parser.add_argument("--workers", action="store_true", help="only run the workers")
    parser.add_argument("--check", action="store_true", help="end with 1 beyond the bounds")
    args = parser.parse_args()
    if args.workers:
        workers()
        return 0
    most_clients()
    with process("tests.bench.live_page_hour", "--workers") as (_, urls):
        settings = {
            "workers": [{"url": url, "max_num_seqs": SLOTS} for url in json.loads(urls)],
            "predictor": {"refine": False},
            "shadow": {"enabled": "off"},
        }
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(settings, file)
            file.flush()
            with process("gateway.cli", "serve", "--config", file.name, "--port", "0") as (
                one,
                said,
            ):
                broken = asyncio.run(measure(said.split()[-1], one.pid, args.minutes, args.alone))
    return int(args.check and broken)


if __name__ == "__main__":
    sys.exit(main())
