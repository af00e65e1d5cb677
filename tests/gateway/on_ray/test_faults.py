"""Two replicas with one scheduler on three nodes: one order, and what kill -9 costs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.emulator import EmulatorConfig
from scheduler.sim.engine_config import EngineConfig
from tests.chaos.processes import free_ports
from tests.gateway.harness import Gateway, forced, gateway, listening, until
from tests.gateway.on_ray.processes import START_S, RayRun, parent
from tests.gateway.on_ray.recorder import Recorder
from tests.gateway.stage import Asked, burst, normalised

pytest.importorskip("ray", reason="pip install 'ray[serve]'")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SLOTS = 2
BOUND_S = 90.0
"""Seconds for everything: machines that test are slow and shared."""

ENGINE = EmulatorConfig(engine=EngineConfig(max_num_seqs=SLOTS), speed=3)

# Neither the machine's clock nor what replicas have learned has a say in the order.
SETTINGS: dict[str, Any] = {
    "scheduling": {"engine_queue": 0, "ageing": 0.0, "level": 1000.0},
    "predictor": {"enabled": False},
    "health": {"interval_s": 0.5},
}
REPLICA, ACTOR = "ray::ServeReplica:lengthwise:Gateway", "ray::SchedulerActor"


class Cluster:
    """The cluster, its only worker, and a client."""

    def __init__(self, run: RayRun, worker: Recorder, client: aiohttp.ClientSession) -> None:
        self.run, self.worker, self.client = run, worker, client

    async def ask(self, name: str, tokens: int, limit: int | None = None) -> int:
        """The status of a request's answer, which may be of no use: 0 for a broken connection."""
        body = {"model": "emulated", "max_tokens": limit or tokens, "vllm_xargs": forced(tokens)}
        body["messages"] = [{"role": "user", "content": name}]
        try:
            async with self.client.post("/v1/chat/completions", json=body) as response:
                await response.read()
                return response.status
        except aiohttp.ClientError:
            return 0

    async def waiting(self) -> int:
        """Requests that wait, of all replicas; -1 while none is ready."""
        try:
            async with self.client.get("/ready") as response:
                told = await response.json()
                return sum(told["waiting"].values()) if response.status == 200 else -1
        except (aiohttp.ClientError, ValueError):
            return -1

    async def until_waiting(self, number: int, bound_s: float = BOUND_S) -> None:
        """Wait until so many wait, as replicas say three times in a row."""
        seen = 0
        async with asyncio.timeout(bound_s):
            while seen < 3:
                assert self.run.process.poll() is None, "the cluster has ended"
                seen = seen + 1 if await self.waiting() == number else 0
                await asyncio.sleep(0.1)

    async def filled(self) -> list[asyncio.Task[int]]:
        """Take every slot of the worker: none may be lost. The requests that hold them."""
        await until(lambda: not self.worker.running, "the worker is idle", BOUND_S)
        holders = [asyncio.create_task(self.ask(f"holder {n}", 4000)) for n in range(SLOTS)]
        await until(lambda: self.worker.running == SLOTS, "all slots are taken", BOUND_S)
        return holders

    def _answers(self, name: str) -> bool:
        return any(one.startswith(name) for one in self.worker.answered)

    async def burst(self, name: str, kill: Sequence[int]) -> list[int]:
        """Thirty requests, with processes killed while most of them wait; their statuses."""
        tasks = [asyncio.create_task(self.ask(f"{name} {one}", 40)) for one in range(30)]
        async with asyncio.timeout(BOUND_S):
            await until(lambda: self._answers(name), "an answer", BOUND_S)
            for pid in kill:
                os.kill(pid, signal.SIGKILL)
            statuses = await asyncio.gather(*tasks)
        await self.until_waiting(0)
        for holder in await self.filled():
            holder.cancel()
        for one, status in enumerate(statuses):
            served = self.worker.answered[f"{name} {one}"]
            assert served == 1 if status == 200 else served <= 1
        return statuses


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    worker = Recorder(ENGINE)
    (port,) = free_ports(1)
    log = tmp_path_factory.mktemp("cluster") / "log"
    limit = aiohttp.ClientTimeout(total=BOUND_S)
    async with listening(worker) as url:
        settings = SETTINGS | {"workers": [{"url": url, "max_num_seqs": SLOTS}]}
        words = ["-m", "tests.gateway.on_ray.cluster_run", str(port), json.dumps(settings), "2"]
        run = RayRun([sys.executable, *words], log)
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=limit) as client:
                made = Cluster(run, worker, client)
                await _started(made, log)
                yield made
        finally:
            await asyncio.to_thread(run.end)


async def _started(cluster: Cluster, log: Path) -> None:
    try:
        await cluster.until_waiting(0, START_S)
    except (TimeoutError, AssertionError):
        raise AssertionError(log.read_text()) from None  # noqa: ASYNC240 - it fails anyway


async def test_replicas_have_one_order(cluster: Cluster) -> None:
    asked = burst(40)
    places: dict[str, Any] = {"max_num_seqs": SLOTS}
    async with (
        listening(worker := Recorder(ENGINE)) as url,
        gateway(url, worker=places, **SETTINGS) as direct,
        aiohttp.ClientSession(direct.url) as client,
    ):
        alone = Cluster(cluster.run, worker, client)
        expected = await _begun(alone, asked, lambda: _waits_in(direct, len(asked)))
    there = await _begun(cluster, asked, lambda: cluster.until_waiting(len(asked)))
    assert len(there) == len(set(there)) == len(asked)
    for place, name in enumerate(there):  # of some that start together the worker sees any first
        assert abs(expected.index(name) - place) <= SLOTS, (there, expected)
    figure = normalised(expected, asked, SLOTS)
    assert normalised(there, asked, SLOTS) == pytest.approx(figure, rel=0.05)


async def _waits_in(direct: Gateway, number: int) -> None:
    await until(lambda: direct.scheduler.waiting == number, "all wait")


async def _begun(
    cluster: Cluster, asked: list[Asked], waiting: Callable[[], Awaitable[None]]
) -> list[str]:
    """The requests of a burst as the worker has seen them begin."""
    holders = await cluster.filled()
    tasks = [asyncio.create_task(cluster.ask(one.name, 1, limit=one.tokens)) for one in asked]
    await waiting()
    cluster.worker.begun.clear()
    for holder in holders:
        holder.cancel()
    assert set(await asyncio.gather(*tasks)) == {200}
    return list(cluster.worker.begun)


async def test_a_killed_scheduler_costs_no_answer(cluster: Cluster) -> None:
    for name in ("first", "second"):
        (actor,) = cluster.run.pids(ACTOR)
        assert set(await cluster.burst(name, [actor])) == {200}
        assert cluster.run.pids(ACTOR) != [actor]


async def test_a_killed_replica_costs_its_own_requests(cluster: Cluster) -> None:
    statuses = await cluster.burst("replica", cluster.run.pids(REPLICA)[:1])
    # How many it had is up to Serve, which spreads thirty requests as unevenly as 29 and 1.
    assert set(statuses) <= {0, 200, 500, 502, 503}
    assert set(await cluster.burst("next", [])) == {200}


async def test_a_killed_node_takes_scheduler_and_replica_elsewhere(cluster: Cluster) -> None:
    (actor,) = cluster.run.pids(ACTOR)
    node = parent(actor)
    statuses = await cluster.burst("node", [node])
    assert set(statuses) <= {0, 200, 500, 502, 503}

    def moved() -> bool:
        return any(parent(one) in cluster.run.pids("/raylet/raylet") for one in _actors(cluster))

    await until(moved, "a scheduler is on another node", BOUND_S)
    assert await cluster.ask("after", 5) == 200
    assert set(await cluster.burst("later", [])) == {200}


def _actors(cluster: Cluster) -> list[int]:
    return cluster.run.pids(ACTOR)
