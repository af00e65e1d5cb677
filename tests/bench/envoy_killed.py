"""What kill -9 of the picker, twice, and of Envoy costs the requests that go through them.

    python -m tests.bench.envoy_killed [--requests N] [--at-once N] [--check]

The real Envoy with `lengthwise picker` before two emulated workers of 8 slots each, which count
each request. Clients send the requests, a connection for each, so many at once; every second one is
a stream; after a failure a client waits half a second. After a fifth of the answers the picker is
killed, after two fifths Envoy, after three fifths the picker again; each is started again at once,
as a supervisor would. ``--check`` fails unless

- every client gets a whole answer, or an error that says what it is, within a minute; as many
  connections break at most as there were requests under way at each kill;
- no worker gets a request twice, and each whole answer was one worker's;
- afterwards as many requests run at once as there are slots: none has leaked;
- the pickers' counts of good answers are the clients', but for what the workers' slots held at a
  kill: of those the client or the picker may not have seen the end. A killed picker's count is
  read from its memory (`gateway/fronts/kept_counts.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic

import aiohttp
import yaml
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.fronts import kept_counts
from tests.bench import killed
from tests.bench.killed import SLOTS, Load
from tests.gateway.picker.envoy import configured, free_port, program

KILLS = ("picker", "envoy", "picker")
START_S = 90.0


class Processes:
    """Envoy and the picker, each started again where it was."""

    def __init__(self, folder: Path, urls: Sequence[str]) -> None:
        self.clients, picker, self._admin = free_port(), free_port(), free_port()
        settings = {
            "workers": [{"url": url, "max_num_seqs": SLOTS} for url in urls],
            "scheduling": {"engine_queue": 0},
            "predictor": {"enabled": False},
            "shadow": {"enabled": "off"},
            "admin": {"listen": f"127.0.0.1:{self._admin}"},
        }
        self._counts = folder / "counts"
        config, proxy = folder / "lengthwise.yaml", folder / "envoy.yaml"
        config.write_text(yaml.safe_dump(settings))
        proxy.write_text(yaml.safe_dump(configured(self.clients, picker, {})))
        words = ("-m", "gateway.cli", "picker", "--config", str(config), "--port", str(picker))
        flags = ("--concurrency", "1", "--disable-hot-restart", "-l", "off")
        self._commands = {
            "picker": (sys.executable, *words),
            "envoy": (program(), "-c", str(proxy), *flags),
        }
        self._running: dict[str, Process] = {}

    async def start(self, name: str) -> None:
        """Start a process."""
        if name == "picker":
            kept_counts.make_empty(self._counts)
        env = {**os.environ, kept_counts.VARIABLE: str(self._counts)}
        self._running[name] = await asyncio.create_subprocess_exec(
            *self._commands[name], stdout=DEVNULL, stderr=DEVNULL, env=env
        )

    async def kill(self, name: str) -> int:
        """Kill a process; returns what it has counted of good answers."""
        one = self._running[name]
        with contextlib.suppress(ProcessLookupError):
            one.kill()
        await one.wait()
        return good_of(kept_counts.take_counts(self._counts, one.pid)) if name == "picker" else 0

    async def end(self) -> None:
        """Kill both."""
        for name in self._running:
            await self.kill(name)

    async def good(self) -> int:
        """Good answers by the picker's own page."""
        url = f"http://127.0.0.1:{self._admin}/metrics"
        async with aiohttp.ClientSession() as client, client.get(url) as response:
            return good_of(text_string_to_metric_families(await response.text()))


def good_of(families: Iterable[Metric]) -> int:
    """Good answers by a picker's counters."""
    samples = (one for family in families for one in family.samples)
    found = (one for one in samples if one.name == "lengthwise_requests_total")
    return sum(int(one.value) for one in found if one.labels["outcome"] == killed.OK)


class Kills:
    """Kills processes while the load runs."""

    def __init__(self, processes: Processes, load: Load) -> None:
        self._processes, self._load = processes, load
        self.counted = 0
        """Good answers by the killed pickers."""
        self.recovered_s: list[float] = []

    async def run(self, count: int) -> None:
        """Kill each at its time, and start it again."""
        for number, name in enumerate(KILLS, 1):
            await self._load.until_answered(number * count // 5)
            begun = monotonic()
            self.counted += await self._processes.kill(name)
            await self._processes.start(name)
            await until_served(self._load)
            self.recovered_s.append(monotonic() - begun)


async def until_served(load: Load) -> None:
    """Return once a request of its own is answered."""
    deadline = monotonic() + START_S
    async with aiohttp.ClientSession() as client:
        while await load.ask(client, "probe", stream=False, tokens=1) != killed.OK:
            assert monotonic() < deadline, "Envoy and picker serve"
            await asyncio.sleep(0.1)


async def measure(count: int, at_once: int) -> list[str]:
    """Run it, and print what came of it; returns what is wrong."""
    async with contextlib.AsyncExitStack() as stack:
        recorders, urls = await stack.enter_async_context(killed.workers())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lw-")))
        processes = Processes(folder, urls)
        stack.push_async_callback(processes.end)
        for name in ("picker", "envoy"):
            await processes.start(name)
        load = Load(f"http://127.0.0.1:{processes.clients}", at_once, pause_s=0.5)
        await until_served(load)
        kills = Kills(processes, load)
        await asyncio.gather(load.all(count), kills.run(count))
        lost = await killed.leaked(load.url, recorders, load)
        counted = kills.counted + await processes.good()
    wrong, good = killed.verdict(load, recorders, len(KILLS)), killed.good_answers(load)
    good += 1 + len(KILLS)  # the probes' own
    print(f"serves again after {killed.text_of(kills.recovered_s)} s; slots lost: {lost}")
    print(f"good answers: clients {good}, pickers {counted}")
    most = SLOTS * killed.WORKERS * len(KILLS)
    wrong |= {"a slot has leaked": lost != 0, "the sums differ": abs(good - counted) > most}
    return killed.told_wrong(wrong)


def main(words: Sequence[str]) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="kill -9 of Envoy and its picker")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(words)
    return killed.ended(asyncio.run(measure(args.requests, args.at_once)), check=args.check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
