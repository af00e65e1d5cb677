"""A whole gateway as one of several fronts: its pages, its requests, and without its scheduler."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from gateway.app import create_app
from gateway.config.settings import Config
from gateway.emulator import EmbeddedEmulator
from gateway.remote_scheduler.address import SchedulerAddress
from tests.gateway.harness import chat, forced, listening, until
from tests.gateway.remote_scheduler.links import core_of, fronts, held_by, settle
from tests.gateway.remote_scheduler.processes import SchedulerProcess, short_folder
from tests.scheduler.builders import job, spec


@contextlib.asynccontextmanager
async def front(path: Path, name: str, worker: str) -> AsyncIterator[str]:
    """The URL of a front before a worker."""
    config = Config.model_validate(
        {
            "workers": [{"url": worker, "max_num_seqs": 2}],
            "health": {"interval_s": 0.1},
            "shadow": {"enabled": "off"},
        }
    )
    app = create_app(config, None, scheduler=SchedulerAddress(path=path, front=name))
    async with listening(app) as url:
        yield url


async def ready(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """Status and word of a front's ``/ready``."""
    async with session.get(url + "/ready") as response:
        return response.status, (await response.json())["status"]


async def becomes(session: aiohttp.ClientSession, url: str, wanted: tuple[int, str]) -> None:
    """Return once ``/ready`` answers so; the caller bounds the time."""
    while True:
        if await ready(session, url) == wanted:
            return
        await asyncio.sleep(0.05)


async def test_fronts_answer_by_one_scheduler_and_wait_while_it_is_away(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async def answer(url: str, tokens: int) -> int:
        body = chat(vllm_xargs=forced(tokens))
        async with session.post(url + "/v1/chat/completions", json=body) as response:
            assert response.status == 200, await response.text()
            answered: int = (await response.json())["usage"]["completion_tokens"]
            return answered

    with short_folder() as folder:
        process = SchedulerProcess(folder / "s", 2)
        async with (
            front(folder / "s", "one", emulator.url) as one,
            front(folder / "s", "two", emulator.url) as two,
        ):
            assert await ready(session, one) == (503, "scheduler_away")
            early = asyncio.create_task(answer(one, 7))
            await process.start()
            try:
                async with asyncio.timeout(20):
                    assert await early == 7
                    for url in (one, two):
                        await becomes(session, url, (200, "ready"))
                    lengths = list(range(3, 23))
                    urls = [one, two] * 10
                    assert await asyncio.gather(*map(answer, urls, lengths)) == lengths
                    async with session.get(two + "/metrics") as response:
                        assert "lengthwise_scheduler_away 0.0" in await response.text()
            finally:
                await process.kill()
            async with asyncio.timeout(10):
                await becomes(session, one, (503, "scheduler_away"))


async def test_a_job_that_goes_to_a_worker_unknown_here_waits_again() -> None:
    here, other = links = fronts(2, [])
    other.scheduler.set_worker(spec("elsewhere", slots=9))
    core = core_of(links, lambda: 1.0)
    here.scheduler.submit(job("1"))
    settle(core, links)
    assert held_by(here) == ({"1"}, set())
    here.scheduler.set_worker(spec("here", slots=9))
    for _ in range(3):
        settle(core, links)

    def goes_here() -> bool:
        settle(core, links)
        return held_by(here) == (set(), {"1"})

    await until(goes_here, "the job runs where its front can send it")
    assert here.starts == {"1": 1}
    core.scheduler.check()
