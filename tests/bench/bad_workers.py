"""One bad worker of three, in each of some forty ways: who is answered, and who asks it again.

    python -m tests.bench.bad_workers [--ways WORDS] [--check] [--short]

Each way has a gateway, three scripted workers and clients of its own; half of the requests are
streams. The bad worker is bad for ``--bad`` seconds, and what is sent to it after the first ten
counts; then it is mended, and has a minute to get requests again. Streams that had begun when the
worker cut them cannot be tried again: they are shown beside the share of answered requests.
``--check`` fails below 99 % answered, above 5 % of the attempts at the bad worker (each of them is
also an attempt elsewhere), or without a return within a minute. ``--short`` tries ten of the ways.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import monotonic

import aiohttp

from tests.bench.bad_ways import WAYS, Way, good
from tests.gateway.harness import Gateway, chat, gateway
from tests.gateway.scripted import MODELS, ScriptedWorker, scripted

RATE = 12.0
"""Requests a second at each gateway."""
SETTLED_S = 10.0
"""Seconds after which the bad worker must be known."""
PATIENCE_S = 60.0
"""Seconds within which a mended worker must be back, and each request be answered."""
TOGETHER = 4
"""Ways tried at a time, in one process."""
LEAST_ANSWERED, MOST_SPENT = 0.99, 0.05
SHORT = (
    *("500 at once", "503 at once", "reset before headers", "hangs before headers", "HTML"),
    *("drips its head", "10 times", "resets each third", "200 with an error", "1xx"),
)


@dataclass(slots=True)
class Trial:
    """One way to be bad, and what came of it."""

    way: Way
    bad_s: float
    sent: int = 0
    answered: int = 0
    cut: int = 0
    spent: float = 0.0
    """Share of the attempts after ``SETTLED_S`` that went to the bad worker."""
    slowest_s: float = 0.0
    back_s: float | None = None
    wrong: list[str] = field(default_factory=list)
    _mended: bool = False

    async def run(self) -> None:
        """Be bad, be mended, and come back."""
        async with AsyncExitStack() as stack:
            bad = await stack.enter_async_context(scripted(self._bad))
            others = [await stack.enter_async_context(scripted(_good)) for _ in range(2)]
            bad.before_probe = self._probe
            settings = {"interval_s": 1.0, "scrape_s": 2.0}
            running = await stack.enter_async_context(
                gateway(
                    *(worker.url for worker in (bad, *others)),
                    worker={"max_num_seqs": 16},
                    health=settings,
                )
            )
            bad.statuses, bad.models = dict(self.way.status or {}), self.way.models or MODELS
            session = await stack.enter_async_context(aiohttp.ClientSession())
            await self._measure(running, session, bad, others)

    async def _bad(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = b'"stream": true' in await reader.read(10_000)
        await (good if self._mended else self.way.write)(stream, writer)

    async def _probe(self, path: bytes) -> None:
        if self.way.probe is not None and not self._mended:
            await self.way.probe(path)

    async def _measure(
        self,
        running: Gateway,
        session: aiohttp.ClientSession,
        bad: ScriptedWorker,
        others: list[ScriptedWorker],
    ) -> None:
        clients: list[asyncio.Task[None]] = []
        sending = asyncio.create_task(self._send(clients, running, session))
        await asyncio.sleep(SETTLED_S)
        before = bad.served, sum(worker.served for worker in others)
        await asyncio.sleep(self.bad_s - SETTLED_S)
        at_bad, elsewhere = bad.served - before[0], sum(w.served for w in others) - before[1]
        self.spent = at_bad / max(1, at_bad + elsewhere)
        self._mended, bad.statuses, bad.models = True, {}, MODELS
        self.back_s = await self._back(running, bad)
        sending.cancel()
        await asyncio.wait(clients, timeout=PATIENCE_S)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _back(self, running: Gateway, bad: ScriptedWorker) -> float | None:
        """Seconds until the worker takes requests as any other; None if it does not in time."""
        member = running.app.state.fleet[bad.url]
        mended = monotonic()
        while monotonic() - mended < PATIENCE_S:
            await asyncio.sleep(0.1)
            served = bad.served
            if member.takes_jobs and not member.cooling and not member.on_trial:
                await asyncio.sleep(1.0)
                if bad.served - served > 1 and not member.cooling and not member.on_trial:
                    return monotonic() - mended
        return None

    async def _send(
        self, clients: list[asyncio.Task[None]], running: Gateway, session: aiohttp.ClientSession
    ) -> None:
        url = running.url + "/v1/chat/completions"
        while True:
            clients.append(asyncio.create_task(self._ask(session, url, stream=self.sent % 2 > 0)))
            self.sent += 1
            await asyncio.sleep(1.0 / RATE)

    async def _ask(self, session: aiohttp.ClientSession, url: str, *, stream: bool) -> None:
        begun, body = monotonic(), b""
        try:
            async with session.post(url, json=chat(stream=stream, max_tokens=8)) as response:
                async for part in response.content.iter_any():
                    body += part
                told = response.status
        except aiohttp.ClientError:
            told = 0
        self.slowest_s = max(self.slowest_s, monotonic() - begun)
        if told == 200 and b'"stop"' in body:
            self.answered += 1
        elif self.way.cuts and stream and body.startswith(b'data: {"choices'):
            self.cut += 1
        else:
            self.wrong.append(f"{told} {body[:160].decode(errors='replace')}")

    @property
    def share(self) -> float:
        """Answered requests, of those that could be."""
        return self.answered / max(1, self.sent - self.cut)

    @property
    def kept(self) -> bool:
        """Whether all promises were kept."""
        back = self.back_s is not None
        return self.share >= LEAST_ANSWERED and self.spent <= MOST_SPENT and back

    def row(self) -> str:
        """The line of the table."""
        back = "never" if self.back_s is None else f"{self.back_s:.0f} s"
        return (
            f"| {self.way.name:22s} | {self.sent:5d} | {self.share:7.2%} | {self.cut:3d} | "
            f"{self.spent:6.1%} | {self.slowest_s:5.1f} s | {back:>6s} | "
            f"{'' if self.kept else '**no**'} |"
        )


async def _good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await good(b'"stream": true' in await reader.read(10_000), writer)


async def tried(ways: Sequence[Way], bad_s: float) -> list[Trial]:
    """Try the ways, some at a time, and print a line for each."""
    print("| way | requests | answered | cut | attempts at it after 10 s | slowest | back | kept |")
    print("|---|---|---|---|---|---|---|---|")
    trials = [Trial(way, bad_s) for way in ways]
    for first in range(0, len(trials), TOGETHER):
        group = trials[first : first + TOGETHER]
        await asyncio.gather(*(trial.run() for trial in group))
        for trial in group:
            print(trial.row(), flush=True)
    return trials


def main() -> int:
    """Try, print, and tell whether all was kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--ways", nargs="*", default=[], help="parts of the names of some ways")
    parser.add_argument("--bad", type=float, default=30.0, metavar="S", help="seconds (30)")
    parser.add_argument("--short", action="store_true", help="ten of the ways")
    parser.add_argument("--log", action="store_true", help="show the gateways' warnings")
    parser.add_argument("--check", action="store_true", help="fail where a promise is broken")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING if options.log else logging.CRITICAL)
    words = options.ways or (SHORT if options.short else [])
    ways = [way for way in WAYS if not words or any(word in way.name for word in words)]
    trials = asyncio.run(tried(ways, options.bad))
    for trial in trials:
        for wrong in trial.wrong[:3]:
            print(f"{trial.way.name}: {wrong}")
    return int(options.check and not all(trial.kept for trial in trials))


if __name__ == "__main__":
    sys.exit(main())
