"""Requests that wait for workers which have not named their models yet."""

from __future__ import annotations

import asyncio
from functools import partial

import aiohttp

from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.workers.newcomers import Newcomers
from tests.gateway.harness import chat, gateway, post, until
from tests.gateway.scripted import ScriptedWorker, answer, scripted
from tests.gateway.workers.fleets import Wing, fleet_of

LONG_S = 60.0


async def ok(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b'{"choices": []}'))


def loading(worker: ScriptedWorker) -> None:
    """Let the worker answer its probes as one that loads its model."""
    worker.statuses = {b"/health": "503 Service Unavailable"}


def newcomers(wing: Wing, grace_s: float = LONG_S, most: int = 10) -> Newcomers:
    queue = {"no_worker_grace_s": grace_s, "max_waiting": most}
    return Newcomers(wing.fleet, Config.model_validate({"queue": queue}))


async def still_waits(task: asyncio.Task[None]) -> bool:
    """Whether the task waits after everything that is due has run."""
    for _ in range(5):
        await asyncio.sleep(0)
    return not task.done()


async def test_a_request_waits_for_a_worker_that_loads_and_goes_on_when_it_is_ready() -> None:
    async with scripted(ok) as worker:
        loading(worker)
        async with fleet_of(worker.url) as wing:
            task = asyncio.create_task(newcomers(wing).await_model("emulated"))
            assert await still_waits(task)
            worker.statuses.clear()
            await wing.fleet.probe()
            async with asyncio.timeout(1):
                await task
            assert "emulated" in wing.fleet.models()


async def test_after_the_grace_requests_are_refused_at_once_until_a_worker_joins() -> None:
    async with scripted(ok) as worker:
        loading(worker)
        async with fleet_of(worker.url) as wing:
            waiting, loop = newcomers(wing, 0.2), asyncio.get_running_loop()
            began = loop.time()
            await waiting.await_model("m")
            assert loop.time() - began >= 0.19
            over = asyncio.create_task(waiting.await_model("m"))
            assert not await still_waits(over)
            joined = WorkerConfig.model_validate({"url": "http://127.0.0.1:9"})
            wing.fleet.set_members([wing.fleet[worker.url].backend.config, joined])
            anew = asyncio.create_task(waiting.await_model("m"))
            assert await still_waits(anew)
            await anew


async def test_nobody_waits_for_a_model_that_no_known_worker_has() -> None:
    async with scripted(ok) as worker, fleet_of(worker.url) as wing:
        async with asyncio.timeout(1):
            await newcomers(wing).await_model("misspelt")


async def test_only_so_many_wait_at_a_time() -> None:
    async with fleet_of() as wing:
        async with asyncio.timeout(1):
            await newcomers(wing, most=0).await_model("m")


async def test_a_request_before_the_worker_is_ready_is_answered(
    session: aiohttp.ClientSession,
) -> None:
    async with scripted(ok) as worker:
        loading(worker)
        async with gateway(worker.url) as running:
            task = asyncio.create_task(post(session, running.url, chat()))
            in_flight = partial(running.metric, "requests_in_flight")
            await until(lambda: in_flight() == 1, "the request is there")
            worker.statuses.clear()
            assert (await task)[0] == 200
