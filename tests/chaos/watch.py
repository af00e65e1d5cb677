"""What a run's gateway uses and says: memory, descriptors, delay, metrics, readiness."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos.processes import Usage

SAMPLE_S = 2.0
BEAT_S = 0.25
POLL_S = 0.2


@dataclass(slots=True)
class Watch:
    """Watches the gateway at ``url`` from outside, until cancelled."""

    url: str
    pid: int
    session: aiohttp.ClientSession
    begun: float = field(default_factory=monotonic)
    usage: Usage = field(default_factory=Usage)
    delays: list[float] = field(default_factory=list)
    """Seconds until ``GET /health`` was answered: the delay of the gateway's event loop, and of
    this one."""
    unanswered: int = 0

    async def run(self) -> None:
        """Sample until cancelled."""
        due = 0.0
        while True:
            asked = monotonic()
            try:
                async with asyncio.timeout(10), self.session.get(f"{self.url}/health") as response:
                    await response.read()
                self.delays.append(monotonic() - asked)
            except (OSError, aiohttp.ClientError):
                self.unanswered += 1
            if asked >= due:
                with suppress(OSError):
                    self.usage.sample(self.pid, asked - self.begun)
                due = asked + SAMPLE_S
            await asyncio.sleep(BEAT_S)

    async def metrics(self) -> Scrape:
        """The gateway's metrics now."""
        async with self.session.get(f"{self.url}/metrics") as response:
            return Scrape.read(await response.text())

    async def ready(self) -> dict[str, Any]:
        """The gateway's account of its workers."""
        async with self.session.get(f"{self.url}/ready") as response:
            fields: dict[str, Any] = await response.json()
            return fields

    async def until_serving(self, seconds: float) -> float | None:
        """When all workers took requests; None: not within ``seconds``."""
        end = monotonic() + seconds
        while monotonic() < end:
            workers = (await self.ready())["workers"]
            if all(worker["healthy"] and not worker["cooling"] for worker in workers):
                return monotonic()
            await asyncio.sleep(POLL_S)
        return None

    async def until_idle(self, seconds: float) -> dict[str, float]:
        """What the gateway has under way; {} as soon as that is nothing, within ``seconds``."""
        end = monotonic() + seconds
        while busy := (await self.metrics()).busy:
            if monotonic() > end:
                return busy
            await asyncio.sleep(POLL_S)
        return {}


@dataclass(frozen=True, slots=True)
class Scrape:
    """One reading of the metrics."""

    samples: tuple[tuple[str, dict[str, str], float], ...]

    @staticmethod
    def read(text: str) -> Scrape:
        """The samples in the Prometheus text."""
        families = text_string_to_metric_families(text)
        return Scrape(
            tuple(
                (one.name, one.labels, one.value) for family in families for one in family.samples
            )
        )

    def total(self, name: str) -> float:
        """The sum over all labels."""
        return sum(value for found, _, value in self.samples if found == name)

    def outcomes(self) -> Iterator[tuple[str, str, float]]:
        """Endpoint, outcome and count of requests."""
        for name, labels, value in self.samples:
            if name == "lengthwise_requests_total":
                yield labels["endpoint"], labels["outcome"], value

    @property
    def busy(self) -> dict[str, float]:
        """What is not 0 while requests are under way."""
        names = ("requests_in_flight", "queue_length", "worker_in_flight_sequences")
        totals = {name: self.total(f"lengthwise_{name}") for name in names}
        return {name: value for name, value in totals.items() if value}


def growth(samples: list[tuple[float, float]]) -> float:
    """How far the last fifth of a series lies above the fifth after the first two, by medians."""
    fifth = max(1, len(samples) // 5)
    values = [value for _, value in samples]
    return median(values[-fifth:]) - median(values[2 * fifth : 3 * fifth])
