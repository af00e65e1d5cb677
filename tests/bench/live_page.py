"""What the live page costs: python -m tests.bench.live_page.

1. The gateway: the state of one with 64 workers and 2,000 requests that wait or run, and 50 answers
   a second. CPU time of a snapshot, from this state to the bytes that all viewers share; one is
   taken a second.
2. The browser: an hour of snapshots of such a gateway, as fast as the page shows them. JavaScript
   heap after a garbage collection, and elements of the page, at the first eighth and at the end.

Needs chromium. With --check it ends with 1 where a snapshot takes 20 ms of CPU time (2 % of a core)
or the page has grown by a tenth, 1 MB at least.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import sys
import time
from typing import Any

from playwright.async_api import CDPSession, Page, expect
from starlette.applications import Starlette

from gateway.admin.dashboard.pages import dashboard_routes
from gateway.admin.dashboard.viewers import Viewers, event
from gateway.app import create_app
from gateway.config.settings import Config
from gateway.requests.recent import MOST_ANSWERS, Answer
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.scheduler import Scheduler
from scheduler.worker_spec import WorkerSpec
from tests.gateway.admin.dashboard.browser import browser, page
from tests.gateway.harness import listening

WORKERS, REQUESTS = 64, 2000
SNAPSHOTS = 200
SLOTS = 28
ANSWERS_PER_S = 50
HOUR = 3600
MOST_MS, MOST_GROWTH, LEAST_MB = 20.0, 1.1, 1.0


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--snapshots", type=int, default=HOUR, help="snapshots that the page gets")
    parser.add_argument("--check", action="store_true", help="end with 1 beyond the bounds")
    args = parser.parse_args()
    cost_ms, state, begun = asyncio.run(_gateway())
    grown = asyncio.run(_browser(args.snapshots, state, begun))
    return int(args.check and (cost_ms > MOST_MS or grown))


async def _gateway() -> tuple[float, dict[str, Any], dict[str, Any]]:
    """CPU time of a snapshot in ms, and what a viewer gets."""
    workers = [{"url": f"http://10.0.0.{number}:8000"} for number in range(1, WORKERS + 1)]
    config = Config.model_validate({"workers": workers, "shadow": {"enabled": "off"}})
    app = create_app(config, None)
    app.state.fleet.set_members(config.workers)
    source = app.state.viewers.source
    _fill(app.state.dispatcher.scheduler, [worker.shown_url for worker in config.workers])
    recent, rng = source.parts.recent, random.Random(7)
    for length in (rng.randint(1, 6000) for _ in range(MOST_ANSWERS)):
        recent.answers.append(Answer(length, length / 40, 1.0, 2.0, (length // 2, length, 9999)))
    begun, begin = source.begin(), time.process_time()
    for number in range(SNAPSHOTS):
        recent.answered = ANSWERS_PER_S * number
        sent = event("state", source.take())
    cost_ms = (time.process_time() - begin) / SNAPSHOTS * 1000
    state = source.take()
    await app.state.fleet.close()
    print(
        f"gateway: {WORKERS} workers, {REQUESTS} requests in flight ({state['waiting']} wait): "
        f"{cost_ms:.2f} ms of CPU time and {len(sent) / 1000:.0f} kB a snapshot = "
        f"{cost_ms / 10:.2f} % of a core at one a second"
    )
    return cost_ms, state, begun


def _fill(scheduler: Scheduler, urls: list[str]) -> None:
    """Give the scheduler workers and requests; those beyond the slots wait."""
    rng, kv_tokens = random.Random(3), 200_000
    for url in urls:
        scheduler.set_worker(WorkerSpec(url, frozenset({"m"}), SLOTS, kv_tokens))
    for number in range(REQUESTS):
        length = LengthDistribution.from_samples(rng.lognormvariate(5, 1) for _ in range(20))
        job = Job(f"id-{number}", "m", time.monotonic(), rng.randint(10, 900), length)
        scheduler.submit(job)
        if job.id not in scheduler.waiting_jobs:
            scheduler.progress(job.id, rng.randint(1, 100))


class _Hour:
    """A source that replays an hour of a busy gateway, from one of its snapshots."""

    def __init__(self, begun: dict[str, Any], state: dict[str, Any]) -> None:
        self._begun, self._state = begun, state
        self._rng = random.Random(5)
        self.taken = 0

    def begin(self) -> dict[str, Any]:
        """What a viewer gets first."""
        return self._begun

    def take(self) -> dict[str, Any]:
        """The next second: everything moves, fifty answers end, and errors come."""
        self.taken += 1
        rng, wave = self._rng, math.sin(self.taken / 40)
        workers = [
            {**one, "kv_used": round(2e4 * (1.2 + wave + rng.random())), "kv_capacity": 65_000}
            | {"pace": 40.0, "kv_mean": [rng.randint(0, 60_000) for _ in one["kv_mean"]]}
            for one in self._state["workers"]
        ]
        lengths = [max(1, round(math.exp(rng.gauss(5, 1.2)))) for _ in range(50)]
        error = {"outcome": "worker_failed", "reason": f"number {self.taken}", "model": "m"}
        return self._state | {
            "time": 1e9 + self.taken,
            "queue": [round(100 * (1.1 + wave) * rng.random()) for _ in range(5)],
            "workers": workers,
            "answers": 50 * self.taken,
            "ended": [[n, n // 2, n, 2 * n] for n in lengths],
            "errors": [error | {"worker": "w", "last": self.taken, "times": 1}] * 40,
        }


async def _browser(snapshots: int, state: dict[str, Any], begun: dict[str, Any]) -> bool:
    """Whether the page has grown."""
    source = _Hour(begun, state)
    app = Starlette(routes=dashboard_routes(Viewers(source, every_s=0.0)))
    async with listening(app) as url, browser() as one, page(one, url + "/dashboard") as (shown, _):
        await expect(shown.locator("#link")).to_have_text("live")
        session = await shown.context.new_cdp_session(shown)
        await session.send("Performance.enable")
        begin = time.monotonic()
        early = await _after(snapshots // 8, source, shown, session)
        late = await _after(snapshots, source, shown, session)
        took = time.monotonic() - begin
    print(
        f"browser: after {snapshots // 8} snapshots {early[0]:.2f} MB and {early[1]:.0f} nodes, "
        f"after {snapshots} {late[0]:.2f} MB and {late[1]:.0f} nodes; {took:.0f} s, "
        f"{late[2] / source.taken * 1000:.1f} ms of the page's time a snapshot"
    )
    return late[0] > max(early[0] * MOST_GROWTH, early[0] + LEAST_MB) or late[1] > early[1] * 1.02


async def _after(
    number: int, source: _Hour, shown: Page, session: CDPSession
) -> tuple[float, float, float]:
    """MB of heap, nodes and seconds of tasks after so many snapshots."""
    while source.taken < number:  # noqa: ASYNC110 - the page tells of nothing
        await asyncio.sleep(0.05)
    await session.send("HeapProfiler.collectGarbage")
    found = await session.send("Performance.getMetrics")
    values = {one["name"]: one["value"] for one in found["metrics"]}
    nodes: int = await shown.evaluate("document.querySelectorAll('*').length")
    return values["JSHeapUsedSize"] / 1e6, nodes, values["TaskDuration"]


if __name__ == "__main__":
    sys.exit(main())
