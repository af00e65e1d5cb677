"""Kills a serving gateway, and sets what clients got against what `lengthwise usage` counts.

    python -m tests.chaos.usage_kill [--requests N] [--repeats N] [--connections N] [--seed N]

A `lengthwise serve` with the emulated worker gets N requests of three keys: streams, whole answers
and errors. In their middle it ends by SIGKILL. Each answer whose end a client has got must be
counted with its tokens; what is counted beyond had its last byte on the way. Then the next gateway
starts, and must count the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp

from gateway.usage.read import read_usage
from tests.chaos.processes import Process, free_ports

KEYS = ("alice", "bob", "carol")
KIND = ("whole", "stream", "error")

Figures = Counter[tuple[str, str]]
"""(key, what is counted) -> the sum over requests."""


@dataclass(slots=True)
class Clients:
    """What clients have got so far."""

    url: str
    rng: random.Random
    middle: int
    """Ends of answers at which ``half_way`` is set."""
    half_way: asyncio.Event = field(default_factory=asyncio.Event)
    seen: Figures = field(default_factory=Counter)
    ended: int = 0
    cut: int = 0
    """Requests without the end of an answer."""

    async def run(self, count: int, connections: int) -> None:
        """Send requests until all are sent or the gateway is gone."""
        kinds = iter([self.rng.choices(KIND, (6, 3, 1))[0] for _ in range(count)])
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(self._one(session, kinds) for _ in range(connections)))

    async def _one(self, session: aiohttp.ClientSession, kinds: Iterator[str]) -> None:
        for kind in kinds:
            key = self.rng.choice(KEYS)
            try:
                await self._send(session, kind, key)
            except aiohttp.ClientError:
                self.cut += 1
                return

    async def _send(self, session: aiohttp.ClientSession, kind: str, key: str) -> None:
        body: dict[str, Any] = {
            "model": "absent" if kind == "error" else "emulated",
            "messages": [{"role": "user", "content": "word " * self.rng.randrange(1, 30)}],
            "max_tokens": self.rng.randrange(1, 6),
        }
        if kind == "stream":
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        async with session.post(
            f"{self.url}/v1/chat/completions",
            json=body,
            headers={"Authorization": f"Bearer key-of-{key}"},
        ) as response:
            answer = await response.read()
        self.ended += 1
        if self.ended == self.middle:
            self.half_way.set()
        self.seen[key, "requests"] += 1
        self.seen[key, "failed"] += response.status >= 400
        usage = _usage(answer) if response.status == 200 else {}
        self.seen[key, "prompt_tokens"] += usage.get("prompt_tokens", 0)
        self.seen[key, "output_tokens"] += usage.get("completion_tokens", 0)


def _usage(answer: bytes) -> dict[str, int]:
    chunks = [line[6:] for line in answer.split(b"\n") if line.startswith(b"data: {")]
    found: dict[str, int] = json.loads(chunks[-1] if chunks else answer)["usage"]
    return found


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Process]:
    """A `lengthwise serve` with the emulated worker."""
    settings = {
        "usage": {"file": str(folder / "usage.sqlite")},
        "tenants": {"known": [{"name": key, "api_key": f"key-of-{key}"} for key in KEYS]},
        "predictor": {"enabled": False},
        "shutdown": {"lame_duck_s": 0},
    }
    config = folder / "config.yaml"
    config.write_text(json.dumps(settings))
    gateway = Process(("serve", "--config", str(config)), free_ports(1)[0], folder / "log")
    gateway.start()
    try:
        await gateway.answers()
        yield gateway
    finally:
        await gateway.end()


def counted(folder: Path) -> Figures:
    """What the files say."""
    names = ("requests", "failed", "prompt_tokens", "output_tokens")
    found: Figures = Counter()
    for row, counts in read_usage(folder / "usage.sqlite", date.min, date.max).items():
        for name in names:
            found[row.key, name] += getattr(counts, name)
    return found


@dataclass(frozen=True, slots=True)
class Killed:
    """One run."""

    seen: Figures
    after_kill: Figures
    after_start: Figures
    """What the next gateway has in its database, once it has ended in order."""
    cut: int

    @property
    def missing(self) -> Figures:
        """What clients got and is not counted."""
        return self.seen - self.after_kill

    @property
    def beyond(self) -> Figures:
        """What is counted, and no client has got."""
        return self.after_kill - self.seen

    @property
    def requests(self) -> int:
        """Requests whose ends clients got."""
        return _requests(self.seen)


def _requests(figures: Figures) -> int:
    return sum(n for (_, name), n in figures.items() if name == "requests")


async def killed(folder: Path, requests: int, connections: int, seed: int) -> Killed:
    """Kill a gateway in the middle of so many requests, and start the next one."""
    rng = random.Random(seed)
    async with serving(folder) as gateway:
        url = f"http://127.0.0.1:{gateway.port}"
        clients = Clients(url, rng, middle=int(requests * rng.uniform(0.3, 0.7)))
        sending = asyncio.create_task(clients.run(requests, connections))
        await clients.half_way.wait()
        await asyncio.sleep(rng.random() / 50)
        gateway.send(signal.SIGKILL)
        await sending
    after_kill = counted(folder)
    async with serving(folder):
        pass
    return Killed(clients.seen, after_kill, counted(folder), clients.cut)


def main() -> None:
    """Run it as often as asked; exit code 1 if something is not counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    bad = False
    for seed in range(args.seed, args.seed + args.repeats):
        with tempfile.TemporaryDirectory() as folder:
            run = asyncio.run(killed(Path(folder), args.requests, args.connections, seed))
        bad |= bool(run.missing) or run.after_start != run.after_kill
        print(
            f"seed {seed}: clients got {run.requests} ends, {run.cut} were cut; "
            f"not counted {_requests(run.missing)}, beyond {_requests(run.beyond)}, "
            f"after the next start {'the same' if run.after_start == run.after_kill else 'OTHERS'}",
            flush=True,
        )
        if run.missing:
            print("  missing:", dict(run.missing))
    sys.exit(bad)


if __name__ == "__main__":
    main()
