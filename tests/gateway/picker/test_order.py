"""The picker's order is the gateway's: the same scheduler decides."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator
from gateway.emulator.app import EmulatorConfig
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import Gateway, chat, forced, gateway, hang_up, listening, until
from tests.gateway.picker.envoy import behind_envoy
from tests.gateway.stage import KV_TOKENS, SLOTS, Stage, burst, play

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMITS = (64, 20, 100, 5, 90, 30, 40, 10)
"""`max_tokens` of a burst: without a predictor the forecasts go by them."""

ONE_AT_A_TIME = EmulatorConfig(engine=EngineConfig(max_num_seqs=1), speed=1)


async def _dispatched(url: str, running: Gateway, session: aiohttp.ClientSession) -> list[int]:
    """The limits of a burst behind one busy worker, in the order of their answers."""
    answered: list[int] = []

    async def ask(limit: int) -> None:
        body = chat(max_tokens=limit, vllm_xargs=forced(4))
        async with session.post(url + "/v1/chat/completions", json=body) as response:
            assert response.status == 200, await response.text()
        answered.append(limit)

    blocking = asyncio.create_task(_block(url, session))
    await until(lambda: running.in_flight == 1, "the worker is busy")
    asked = []
    for number, limit in enumerate(LIMITS, 1):
        asked.append(asyncio.create_task(ask(limit)))
        await until(lambda n=number: running.scheduler.waiting == n, "it waits")  # type: ignore[misc]
    await hang_up(blocking)
    await asyncio.gather(*asked)
    return answered


async def _block(url: str, session: aiohttp.ClientSession) -> None:
    body = chat(stream=True, vllm_xargs=forced(5000), max_tokens=5000)
    async with session.post(url + "/v1/chat/completions", json=body) as response:
        await response.read()


async def test_a_burst_is_dispatched_in_the_order_of_the_gateway_itself(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    settings: dict[str, Any] = {"worker": {"max_num_seqs": 1}, "scheduling": {"engine_queue": 0}}
    with EmbeddedEmulator(ONE_AT_A_TIME) as worker:
        async with gateway(worker.url, **settings) as direct:
            expected = await _dispatched(direct.url, direct, session)
        async with behind_envoy(tmp_path, worker.url, **settings) as front:
            assert await _dispatched(front.url, front.gateway, session) == expected
    assert expected == sorted(LIMITS)


@pytest.mark.parametrize("kv_tokens", [None, KV_TOKENS])
async def test_a_seeded_run_through_envoy_starts_as_in_the_gateway_itself(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None, kv_tokens: int | None
) -> None:
    asked, slots = burst(60), SLOTS if kv_tokens is None else 64
    settings: dict[str, Any] = {
        "worker": {"max_num_seqs": slots, "kv_tokens": kv_tokens},
        "scheduling": {"engine_queue": 0, "ageing": 0.0},  # the machine's clock has no say
    }
    stage = Stage()
    async with listening(stage.app) as worker:
        async with gateway(worker, **settings) as direct:
            expected = await play(direct.url, direct, stage, asked, session)
        async with behind_envoy(tmp_path, worker, **settings) as front:
            there = await play(front.url, front.gateway, stage, asked, session)
    most = max(map(len, expected.starts))
    assert most == SLOTS if kv_tokens is None else 3 <= most < 20, "what bounds is what should"
    if kv_tokens is None:
        assert there.starts == expected.starts
    # what an answer holds by now is reckoned by the machine's clock while it tells no tokens
    assert there.normalised == pytest.approx(expected.normalised, rel=0.05)
