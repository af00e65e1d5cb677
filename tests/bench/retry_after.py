"""Whether `Retry-After` comes true: what a refused request is told beside when its twin started.

    python -m tests.bench.retry_after [--arms burst ...] [--seeds N] [--check]

An emulated worker of 16 slots draws its answers' lengths from the shipped predictor's forecasts.
A burst of requests, from one word to an essay, fills the queue. At three moments (just after the
burst, and once a third and two thirds of it have left) 24 requests of differing lengths join the
queue, the *twins*; then the bound of the queue is lowered, so that the same 24 are refused with
`Retry-After`, and raised again. What a refused request should have been told is when its twin,
the equal request that was there a moment earlier, starts at the worker.

A told time counts as right within a factor of 2 of the true one. The header has whole seconds from
1 on, so a true time below 1 s counts as 1 s. Twins that have started before the refusals were told
do not count: on a busy machine these come seconds later, when their equals would not wait.

Arms: `burst`, the bound by requests and nothing else coming; `tokens`, the bound by expected
tokens; `fair`, three keys of different weights; `fcfs`, the order of arrival; `arrivals`, where
after the burst requests go on to come at 0.7 of the rate at which they leave, which `Retry-After`
cannot know. ``--check`` fails where less than nine of ten are right in an arm, but for `arrivals`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import aiohttp

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.emulator.command import shipped_lengths
from scheduler.sim.engine_config import EngineConfig
from tests.bench.processes import beside
from tests.chaos.processes import Process, free_ports

SLOTS, SPEED = 16, 4.0
BURST, TWINS = 300, 24
PAUSE_S = 0.01
GOAL, FACTOR, ARRIVALS = 0.9, 2.0, 0.7
LEFT = (1.0, 0.67, 0.33)
"""Shares of the burst that still wait at the moments of the twins."""

TASKS = (
    "Say yes or no: is {} worth learning?",
    "Answer in one word: the field to which {} belongs.",
    "Name three facts about {}.",
    "Explain {} in one sentence.",
    "Explain {} in 50 words.",
    "Write a paragraph about {}.",
    "Write a short story in which {} matters.",
    "Write Python code that shows an example of {}, with comments.",
    "Compare {} with two alternatives in a table.",
    "Write an essay of 800 words about the history of {}.",
    "Write a detailed tutorial on {} with an introduction, examples and exercises.",
    "List twenty questions that an examiner may ask about {}, with their answers.",
)
SUBJECTS = (
    "sorting", "photosynthesis", "the French Revolution", "chess", "inflation", "bread baking",
    "graph colouring", "sailing", "Bach's fugues", "vaccines", "plate tectonics", "haiku",
)  # fmt: skip
ARMS: dict[str, dict[str, Any]] = {
    "burst": {},
    "tokens": {},
    "fair": {
        "tenants": {
            "fair": True,
            "max_waiting": 100_000,
            "known": [
                {"name": name, "api_key": f"key-of-{name}", "weight": weight}
                for name, weight in (("ana", 1.0), ("ben", 2.0), ("chen", 4.0))
            ],
        }
    },
    "fcfs": {"scheduling": {"policy": "fcfs"}},
    "arrivals": {},
}
KEYS = ("key-of-ana", "key-of-ben", "key-of-chen")


@dataclass(slots=True)
class Told:
    """One refused request."""

    said_s: float
    moment: int
    true_s: float = 0.0

    @property
    def right(self) -> bool:
        """Whether it was told the truth within the factor."""
        true = max(1.0, self.true_s)
        return true / FACTOR <= self.said_s <= true * FACTOR


def worker(said: Connection) -> None:
    """The process of the emulated worker; says its URL."""
    engine = EngineConfig(max_num_seqs=SLOTS, num_blocks=65536)
    config = EmulatorConfig(engine=engine, speed=SPEED)
    with EmbeddedEmulator(config, shipped_lengths()) as emulator:
        said.send(emulator.url)
        said.recv()


@dataclass(slots=True)
class Trial:
    """One burst at one gateway."""

    url: str
    arm: str
    config: dict[str, Any]
    file: Path
    socket: str
    rng: random.Random
    session: aiohttp.ClientSession
    admin: aiohttp.ClientSession
    tasks: set[asyncio.Task[float]] = field(default_factory=set)
    told: list[Told] = field(default_factory=list)
    moment: int = -1

    def body(self) -> tuple[dict[str, Any], dict[str, str]]:
        """A request and its headers."""
        text = self.rng.choice(TASKS).format(self.rng.choice(SUBJECTS))
        key = self.rng.choice(KEYS)
        headers = {"Authorization": f"Bearer {key}", "x-lengthwise-debug": "1"}
        return {"model": "emulated", "messages": [{"role": "user", "content": text}]}, headers

    async def started_at(self, body: dict[str, Any], headers: dict[str, str]) -> float:
        """Send a request; the time at which it went to the worker."""
        sent = monotonic()
        url = self.url + "/v1/chat/completions"
        async with self.session.post(url, json=body, headers=headers) as response:
            await response.read()
            assert response.status == 200, await response.text()
            return sent + float(response.headers["x-lengthwise-queue-ms"]) / 1e3

    def send(self, body: dict[str, Any], headers: dict[str, str]) -> asyncio.Task[float]:
        """Send a request beside."""
        task = asyncio.create_task(self.started_at(body, headers))
        self.tasks.add(task)
        return task

    async def waiting(self) -> int:
        """How many wait."""
        async with self.admin.get("http://admin/admin/queue?limit=1") as response:
            found: int = (await response.json())["waiting"]
            return found

    async def bound(self, most: int | None) -> None:
        """Lower the bound of the queue, or raise it again (None)."""
        name = "max_waiting_tokens" if self.arm == "tokens" else "max_waiting"
        queue = {"max_waiting": 100_000, **({} if most is None else {name: most})}
        self.file.write_text(json.dumps(self.config | {"queue": queue}))
        await self.post("reload")

    async def post(self, action: str) -> None:
        """Have the operators' listener do something."""
        async with self.admin.post(f"http://admin/admin/{action}") as response:
            assert response.status == 200, await response.text()

    async def run(self) -> None:
        """Fill the queue, and ask at each moment."""
        warm = [self.send(*self.body()) for _ in range(2 * SLOTS)]
        await asyncio.gather(*warm)
        await self.post("pause")  # a busy machine may serve them as slowly as they are sent
        for _ in range(BURST):
            self.send(*self.body())
            await asyncio.sleep(PAUSE_S)
        await self.until(least=BURST)
        await self.post("resume")
        begun, most = monotonic(), await self.waiting()
        coming: asyncio.Task[None] | None = None
        for left in LEFT:
            await self.until(most=left * most)
            if self.arm == "arrivals" and left < 1 and coming is None:
                gone = most - await self.waiting()
                rate = ARRIVALS * gone / (monotonic() - begun)
                coming = asyncio.create_task(self.arrive(rate))
            await self.ask()
        if coming is not None:
            await asyncio.gather(*self.tasks, return_exceptions=True)
            coming.cancel()
        await asyncio.gather(*self.tasks)
        self.told = [one for one in self.told if one.true_s >= 0]

    async def arrive(self, per_s: float) -> None:
        """Send requests at random times."""
        while True:
            await asyncio.sleep(self.rng.expovariate(per_s))
            self.send(*self.body())

    async def until(self, *, least: float = 0, most: float = math.inf) -> None:
        """Return once so many wait."""
        async with asyncio.timeout(300):
            while not least <= await self.waiting() <= most:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.05)

    async def ask(self) -> None:
        """Let twins join the queue, and have the same requests refused."""
        self.moment += 1
        asked = [self.body() for _ in range(TWINS)]
        twins = {}
        for body, headers in asked:
            name = uuid4().hex
            twins[name] = self.send(body, {**headers, "x-request-id": name})
            await asyncio.sleep(PAUSE_S)
        async with asyncio.timeout(300):
            for name, twin in twins.items():
                while not twin.done() and not await self.knows(name):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.02)
        await self.bound(1)
        await asyncio.gather(*map(self.refused, asked, twins.values()))
        await self.bound(None)

    async def knows(self, name: str) -> bool:
        """Whether a request waits or runs."""
        async with self.admin.get(f"http://admin/admin/requests/{name}") as response:
            return response.status == 200

    async def refused(
        self, asked: tuple[dict[str, Any], dict[str, str]], twin: asyncio.Task[float]
    ) -> None:
        """Send a request that is refused, and learn later what was true."""
        url = self.url + "/v1/chat/completions"
        async with self.session.post(url, json=asked[0], headers=asked[1]) as response:
            now = monotonic()
            await response.read()
            assert response.status == 429, response.status
            told = Told(float(response.headers["Retry-After"]), self.moment)
        self.told.append(told)

        def learn(started: asyncio.Task[float]) -> None:
            told.true_s = started.result() - now

        twin.add_done_callback(learn)


@asynccontextmanager
async def trial(arm: str, seed: int, folder: Path, url: str) -> AsyncIterator[Trial]:
    """A gateway of its own before the worker."""
    config = {
        "workers": [{"url": url, "max_num_seqs": SLOTS}],
        "admin": {"listen": str(folder / "admin.sock")},
        "queue": {"max_waiting": 100_000},
        "predictor": {"budget_ms": 5000.0},  # however busy the machine is
        "health": {"timeout_s": 60, "failures": 100},
        **ARMS[arm],
    }
    file = folder / "lengthwise.yaml"
    file.write_text(json.dumps(config))
    gateway = Process(("serve", "--config", str(file)), free_ports(1)[0], folder / "log")
    gateway.start()
    os.sched_setaffinity(gateway.pid, {min(os.sched_getaffinity(0))})
    wide, patient = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(600)
    inside = aiohttp.UnixConnector(str(folder / "admin.sock"))
    try:
        await gateway.answers()
        async with (
            aiohttp.ClientSession(connector=wide, timeout=patient) as session,
            aiohttp.ClientSession(connector=inside) as admin,
        ):
            at = f"http://127.0.0.1:{gateway.port}"
            rng = random.Random(seed)
            yield Trial(at, arm, config, file, str(folder), rng, session, admin)
    finally:
        await gateway.end()


async def measure(arm: str, seed: int) -> list[Told]:
    """The refused requests of one run."""
    with beside(worker) as said, tempfile.TemporaryDirectory() as folder:
        async with trial(arm, seed, Path(folder), said.recv()) as one:
            await one.run()
            return one.told


def main(words: Sequence[str]) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="whether Retry-After comes true")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--each", action="store_true", help="print every refused request")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(words)
    print("| arm | refused | right | told too early, too late | true: median, longest |")
    print("|---|---|---|---|---|", flush=True)
    missed = False
    for arm in args.arms:
        told = [one for seed in range(args.seeds) for one in asyncio.run(measure(arm, seed))]
        print(row(arm, told), flush=True)
        if args.each:
            for one in told:
                print(f"  {one.moment}: said {one.said_s} true {one.true_s:.1f}")
        share = sum(one.right for one in told) / len(told)
        missed |= arm != "arrivals" and share < GOAL
    print(f"load average of the machine at the end: {os.getloadavg()[0]:.1f}")
    return int(args.check and missed)


def row(arm: str, told: list[Told]) -> str:
    """The line of an arm."""
    right = sum(one.right for one in told)
    wrong = [one for one in told if not one.right]
    early = sum(one.said_s < one.true_s for one in wrong)
    true = sorted(one.true_s for one in told)
    cells = (
        str(len(told)),
        f"{100 * right / len(told):.0f} %",
        f"{early}, {len(wrong) - early}",
        f"{true[len(true) // 2]:.0f} s, {true[-1]:.0f} s",
    )
    return f"| {arm} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
