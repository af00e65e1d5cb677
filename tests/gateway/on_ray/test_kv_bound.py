"""Two replicas on Ray before a worker whose memory bounds: the figure is that of one gateway."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import aiohttp
import pytest

from tests.chaos.processes import free_ports
from tests.gateway.harness import gateway, listening
from tests.gateway.on_ray.processes import START_S, RayRun
from tests.gateway.stage import KV_TOKENS, Asked, Stage, burst

pytest.importorskip("ray", reason="pip install 'ray[serve]'")
pytestmark = pytest.mark.timeout(400)

COUNT = 60
BOUND_S = 60.0
HOLDER = Asked("holder", 50, KV_TOKENS - 300)
"""Takes nearly all of the memory, so that the burst waits."""


async def _counts(client: aiohttp.ClientSession) -> tuple[int, int]:
    """Requests that wait, and those at the worker, by the page of any replica."""
    try:
        async with client.get("/ready") as response:
            told = await response.json()
    except (aiohttp.ClientError, ValueError):
        return -1, -1
    if response.status != 200:
        return -1, -1
    return sum(told["waiting"].values()), sum(one["in_flight"] for one in told["workers"])


async def _until(
    client: aiohttp.ClientSession, true: Callable[[int, int], bool], bound_s: float = BOUND_S
) -> None:
    """Return once it is true of what replicas say, three times in a row."""
    seen = 0
    async with asyncio.timeout(bound_s):
        while seen < 3:
            seen = seen + 1 if true(*await _counts(client)) else 0
            await asyncio.sleep(0.02)


async def _played(client: aiohttp.ClientSession, stage: Stage, asked: list[Asked]) -> float:
    """Play a burst to its end: mean engine steps to the end of an answer, by its tokens."""

    def ask(one: Asked) -> asyncio.Task[int]:
        return asyncio.create_task(_status(client.post("/v1/chat/completions", json=one.body())))

    holder, tasks = ask(HOLDER), {}
    await _until(client, lambda waiting, sent: (waiting, sent) == (0, 1))
    for number, one in enumerate(asked, 1):
        tasks[one.name] = ask(one)
        await _until(client, lambda waiting, _, n=number: waiting == n)  # type: ignore[misc]
    tokens = {one.name: one.tokens for one in asked}
    ends: dict[str, int] = {}
    due: dict[str, int] = {}
    now, most = 0, 0
    stage.held.pop(HOLDER.name).set_result(1)
    assert await holder == 200
    while len(ends) < len(asked):
        left = len(asked) - len(ends)
        await _until(
            client,
            lambda waiting, sent, n=left: waiting + sent == n and len(stage.held) == sent,  # type: ignore[misc]
        )
        due |= {name: now + tokens[name] for name in stage.held.keys() - due.keys()}
        most = max(most, len(due))
        name, now = min(due.items(), key=lambda one: (one[1], one[0]))
        ends[name] = due.pop(name)
        stage.held.pop(name).set_result(tokens[name])
        assert await tasks[name] == 200
    assert 3 <= most < 20, "memory bounds"
    return fmean(ends[name] / tokens[name] for name in ends)


async def _status(response: Any) -> int:
    async with response as answer:
        await answer.read()
        return int(answer.status)


async def test_the_figure_of_a_burst_that_memory_bounds_is_the_gateways_own(tmp_path: Path) -> None:
    asked = burst(COUNT)
    stage, log = Stage(), tmp_path / "log"
    worker = {"max_num_seqs": 64, "kv_tokens": KV_TOKENS}
    settings: dict[str, Any] = {
        "scheduling": {"engine_queue": 0, "ageing": 0.0},
        "predictor": {"enabled": False},
    }
    async with listening(stage.app) as url:
        async with (
            gateway(url, worker=worker, **settings) as direct,
            aiohttp.ClientSession(direct.url) as client,
        ):
            expected = await _played(client, stage, asked)
        (port,) = free_ports(1)
        there = settings | {"workers": [{"url": url, **worker}]}
        words = ["-m", "tests.gateway.on_ray.cluster_run", str(port), json.dumps(there), "2"]
        run = RayRun([sys.executable, *words], log)
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
                await _until(client, lambda waiting, sent: waiting == sent == 0, START_S)
                figure = await _played(client, stage, asked)
        finally:
            await asyncio.to_thread(run.end)
    print(f"engine steps by token: gateway {expected:.3f}, replicas on Ray {figure:.3f}")
    assert figure == pytest.approx(expected, rel=0.05)
