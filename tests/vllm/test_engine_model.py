"""The engine model against a real vLLM: the same preemptions, the same order of completion."""

from __future__ import annotations

import asyncio
import itertools
import random
from pathlib import Path

import aiohttp
import pytest

from scheduler.sim.engine import Engine
from scheduler.sim.engine_config import EngineConfig
from tests.conftest import missing
from tests.vllm import prepare
from tests.vllm.engine import VllmServer

pytestmark = pytest.mark.vllm

SLOTS, BLOCKS, BLOCK_SIZE, CONTEXT = 12, 22, 128, 2048
Job = tuple[int, int, int]


def make_jobs() -> list[Job]:
    """Prompt tokens, output tokens and priority of requests that overfill the cache."""
    rng = random.Random(4)
    return [(rng.randint(50, 400), rng.randint(30, 500), rng.randint(0, 5)) for _ in range(24)]


async def run_real(url: str, jobs: list[Job]) -> list[int]:
    """Send all jobs, in order but without waiting; returns the order of completion."""
    order: list[int] = []
    async with aiohttp.ClientSession(url) as session:

        async def ask(number: int, prompt: int, output: int, priority: int) -> None:
            body = {
                "prompt": [7 + (number * 31 + i) % 900 for i in range(prompt)],
                "max_tokens": CONTEXT,
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
        if number == 0:  # the real engine is busy with the first when the others come
            order += engine.step().finished
    while engine.running or engine.waiting:
        order += engine.step().finished
    return [int(number) for number in order], engine.preemptions


@pytest.mark.parametrize("policy", ["fcfs", "priority"])
async def test_the_model_preempts_and_completes_as_vllm_does(policy: str, tmp_path: Path) -> None:
    home = prepare.home()
    if not prepare.is_prepared(home):
        missing("the CPU build of vLLM", "python tests/vllm/prepare.py")
    jobs = make_jobs()
    with VllmServer(
        home=home,
        log_dir=tmp_path,
        max_num_seqs=SLOTS,
        max_model_len=CONTEXT,
        num_gpu_blocks_override=BLOCKS,
        scheduling_policy=policy,
        extra_args=["--no-enable-prefix-caching"],
    ) as server:
        real = await run_real(server.url, jobs)
        real_preemptions = server.metrics()["vllm:num_preemptions_total"]
    config = EngineConfig(
        max_num_seqs=SLOTS,
        num_blocks=BLOCKS - 1,
        block_size=BLOCK_SIZE,
        max_model_len=CONTEXT,
        scheduling_policy="priority" if policy == "priority" else "fcfs",
    )
    model, preemptions = run_model(config, jobs)
    # Both agree exactly when the arrivals fall into the same steps; a step's shift moves little.
    assert preemptions == pytest.approx(real_preemptions, abs=4)
    place = {number: position for position, number in enumerate(real)}
    swapped = sum(place[a] > place[b] for a, b in itertools.combinations(model, 2))
    assert swapped <= 0.05 * 24 * 23 / 2
