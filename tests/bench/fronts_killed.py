"""What kill -9 of a front, and of the scheduler twice, costs the requests of a gateway of fronts.

    python -m tests.bench.fronts_killed [--requests N] [--at-once N] [--check]

`lengthwise serve --fronts 2` before two emulated workers of 8 slots each, which count each request.
Clients send the requests, a connection for each, so many at once; every second one is a stream.
After a fifth of the answers the scheduler is killed, after two fifths a front, after three fifths
the scheduler again. ``--check`` fails unless

- every client gets a whole answer, or an error that says what it is, within a minute; as many
  connections break at most as there were requests under way when the front was killed;
- no worker gets a request twice, and each whole answer was one worker's;
- afterwards as many requests run at once as there are slots: none has leaked, and nothing waits;
- the gateway's own count of good answers is the clients', but for what the killed front had counted
  since its last page.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import aiohttp

from gateway.emulator import EmulatorConfig
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.fronts.several import Several, several, until_async
from tests.gateway.harness import forced, listening, until
from tests.gateway.on_ray.recorder import Recorder

SLOTS, WORKERS, TOKENS = 8, 2, 8
BOUND_S = 60.0
KILLS = ("scheduler", "front 1", "scheduler")
OK, BROKEN, LATE, UNCLEAR = "ok", "broken connection", "no answer in time", "unclear"
PATIENCE_S = 120.0


class Load:
    """The clients, and what they have seen."""

    def __init__(self, url: str, at_once: int) -> None:
        self._url, self._turns = url, asyncio.Semaphore(at_once)
        self.outcomes: dict[str, str] = {}
        self.longest_s = 0.0

    async def all(self, count: int) -> None:
        """Send so many requests."""
        limit = aiohttp.ClientTimeout(total=BOUND_S)
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=limit, connector=connector) as client:
            await asyncio.gather(*(self._one(client, number) for number in range(count)))

    async def _one(self, client: aiohttp.ClientSession, number: int) -> None:
        async with self._turns:
            begun = monotonic()
            self.outcomes[f"r{number}"] = await self.ask(client, f"r{number}", number % 2 == 0)
            self.longest_s = max(self.longest_s, monotonic() - begun)

    async def ask(
        self, client: aiohttp.ClientSession, name: str, stream: bool, tokens: int = TOKENS
    ) -> str:
        """One request; returns what its client sees."""
        body = {"model": "emulated", "stream": stream, "vllm_xargs": forced(tokens)}
        body |= {"messages": [{"role": "user", "content": name}], "max_tokens": tokens}
        try:
            async with client.post(self._url + "/v1/chat/completions", json=body) as response:
                text = await response.text()
        except TimeoutError:
            return LATE
        except (aiohttp.ClientError, ConnectionError):
            return BROKEN
        if response.status == 200 and '"error"' not in text:
            whole = text.rstrip().endswith("[DONE]" if stream else "}")
            return OK if whole else UNCLEAR
        code = text.partition('"code":')[2].strip(' "')[:40].partition('"')[0]
        return f"error {code}" if code else UNCLEAR


class Kills:
    """Kills processes while the load runs."""

    def __init__(self, gateway: Several, load: Load) -> None:
        self._gateway, self._load = gateway, load
        self.uncounted = 0
        """Answers that came between a front's last page and its death."""
        self.recovered_s: list[float] = []

    async def run(self, count: int) -> None:
        """Kill each at its time, and wait until it is back."""
        for number, name in enumerate(KILLS, 1):
            share = number * count // 5
            await until(lambda n=share: len(self._load.outcomes) >= n, "answers", 1e4)  # type: ignore[misc]
            pids, before = await self._gateway.pids(), len(self._load.outcomes)
            await self._gateway.metrics()
            os.kill(pids[name], signal.SIGKILL)
            begun = monotonic()
            if name != "scheduler":
                self.uncounted += len(self._load.outcomes) - before
            await until_async(lambda n=name, pid=pids[name]: self._back(n, pid), f"{name} is back")
            await self._gateway.until_ready()
            self.recovered_s.append(monotonic() - begun)

    async def _back(self, name: str, before: int) -> bool:
        with contextlib.suppress(aiohttp.ClientError, KeyError):
            return (await self._gateway.pids())[name] != before
        return False


async def leaked(url: str, workers: Sequence[Recorder], load: Load) -> int:
    """Slots that are never free again: all are taken at once, if there are none."""
    every = SLOTS * WORKERS
    await until(lambda: not sum(one.running for one in workers), "all is over", PATIENCE_S)
    async with aiohttp.ClientSession() as client:
        holders = [
            asyncio.create_task(load.ask(client, f"holder {n}", True, 4000)) for n in range(every)
        ]
        with contextlib.suppress(AssertionError):
            await until(lambda: sum(o.running for o in workers) == every, "all slots taken")
        running = sum(one.running for one in workers)
        for one in holders:
            one.cancel()
        await asyncio.gather(*holders, return_exceptions=True)
    return every - running


async def measure(count: int, at_once: int) -> list[str]:
    """Run it, and print what came of it; returns what is wrong."""
    engine = EmulatorConfig(engine=EngineConfig(max_num_seqs=SLOTS), speed=20)
    workers = [Recorder(engine) for _ in range(WORKERS)]
    async with contextlib.AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(listening(one)) for one in workers]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lw-")))
        known = [{"url": url, "max_num_seqs": SLOTS} for url in urls]
        made = several(folder, workers=known, scheduling={"engine_queue": 0})
        gateway = await stack.enter_async_context(made)
        load, begun = Load(gateway.url, at_once), monotonic()
        kills = Kills(gateway, load)
        await asyncio.gather(load.all(count), kills.run(count))
        took = monotonic() - begun
        lost = await leaked(gateway.url, workers, load)
        waiting = sum((await gateway.page("/ready"))["waiting"].values())
        counted = int(await gateway.metric("lengthwise_requests_total", outcome="ok"))
    outcomes = Counter(load.outcomes.values())
    begun_at = Counter(name for one in workers for name in one.begun if name in load.outcomes)
    answered = sum((one.answered for one in workers), Counter[str]())
    good = [name for name, outcome in load.outcomes.items() if outcome == OK]
    print(f"{count} requests, {at_once} at once, in {took:.0f} s: {dict(outcomes.most_common())}")
    print(f"longest {load.longest_s:.1f} s; all processes back after {_text(kills.recovered_s)} s")
    print(f"sent to a worker twice: {sum(n > 1 for n in begun_at.values())}; slots lost: {lost}")
    print(f"good answers: clients {len(good)}, gateway {counted} ({kills.uncounted} uncounted)")
    print(f"load average of the machine at the end: {os.getloadavg()[0]:.1f}")
    wrong = {
        "a client had no clear answer in time": outcomes[LATE] + outcomes[UNCLEAR] > 0,
        "more connections broke than were open": outcomes[BROKEN] > at_once,
        "a request has been served twice": max(begun_at.values()) > 1,
        "a good answer was not one worker's": any(answered[name] != 1 for name in good),
        "a slot has leaked, or a request waits": lost != 0 or waiting != 0,
        "the sums differ": not 0 <= len(good) - counted <= kills.uncounted,
    }
    return [what for what, is_so in wrong.items() if is_so]


def _text(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def main(words: Sequence[str]) -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="kill -9 of a front and its scheduler")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(words)
    wrong = asyncio.run(measure(args.requests, args.at_once))
    print("\n".join(wrong) or "as it should be")
    return int(args.check and bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
