"""The engine model against a real vLLM: the same preemptions, the same order of completion."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable

import aiohttp
import pytest

from scheduler.sim.engine import Engine
from scheduler.sim.engine_config import EngineConfig
from tests.vllm.engine import VllmServer

pytestmark = pytest.mark.vllm

BLOCK_SIZE = 128
Job = tuple[int, int, int]


def make_jobs() -> list[Job]:
    """Prompt tokens, output tokens and priority of requests that overfill the cache.

    The first keeps the engine in one long step, in which all others arrive.
    """
    rng = random.Random(4)
    return [(1500, 1, 0)] + [
        (rng.randint(50, 400), rng.randint(30, 500), rng.randint(0, 5)) for _ in range(24)
    ]


async def run_real(url: str, jobs: list[Job]) -> list[int]:
    """Send all jobs, in order but without waiting; returns the order of completion."""
    order: list[int] = []
    async with aiohttp.ClientSession(url) as session:

        async def ask(number: int, prompt: int, output: int, priority: int) -> None:
            body = {
                "prompt": [7 + (number * 31 + i) % 900 for i in range(prompt)],
                "max_tokens": 1024,
                "vllm_xargs": {"target_tokens": output},
                "priority": priority,
            }
            async with session.post("/v1/completions", json=body) as response:
                assert (await response.json())["usage"]["completion_tokens"] == output
            order.append(number)

        tasks = []
        for number, job in enumerate(jobs):
            tasks.append(asyncio.create_task(ask(number, *job)))
            await asyncio.sleep(0.002)
        await asyncio.gather(*tasks)
    return order


def run_model(config: EngineConfig, jobs: list[Job]) -> tuple[list[int], int]:
    """The model's order of completion and its number of preemptions."""
    engine = Engine(config)
    order: list[str] = []
    for number, job in enumerate(jobs):
        engine.add(str(number), *job)
        if number == 0:  # the others come while the real engine is busy with it
            order += engine.step().finished
    while engine.running or engine.waiting:
        order += engine.step().finished
    return [int(number) for number in order], engine.preemptions


@pytest.mark.parametrize("policy", ["fcfs", "priority"])
async def test_the_model_preempts_and_completes_as_vllm_does(
    policy: str, cramped_server: Callable[..., VllmServer]
) -> None:
    jobs, server = make_jobs(), cramped_server(policy)
    before = server.metrics()["vllm:num_preemptions_total"]
    real = await run_real(server.url, jobs)
    real_preemptions = server.metrics()["vllm:num_preemptions_total"] - before
    config = EngineConfig(
        max_num_seqs=server.max_num_seqs,
        num_blocks=int(server.cache_config()["num_gpu_blocks"]) - 1,
        block_size=BLOCK_SIZE,
        max_model_len=server.max_model_len,
        scheduling_policy="priority" if policy == "priority" else "fcfs",
    )
    model, preemptions = run_model(config, jobs)
    # Both agree exactly when the arrivals fall into the same steps; a step's shift moves little.
    assert preemptions == pytest.approx(real_preemptions, abs=4)
    place = {number: position for position, number in enumerate(real)}
    swapped = sum(place[a] > place[b] for a, b in itertools.combinations(model, 2))
    assert swapped <= 0.05 * len(jobs) * (len(jobs) - 1) / 2
