"""The queue as clients feel it: order, bounds, deadlines."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.job import Job
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import Gateway, chat, forced, gateway, hang_up, post, until
from tests.gateway.scripted import answer, scripted

ONE_AT_A_TIME: dict[str, Any] = {"worker": {"max_num_seqs": 1}}


async def _finish_order(
    running: Gateway, session: aiohttp.ClientSession, bounds: list[int]
) -> list[int]:
    """The bounds of requests sent while the worker is busy, in the order of their answers."""
    done: list[int] = []

    async def ask(bound: int) -> None:
        body = chat(max_tokens=bound, vllm_xargs=forced(bound))
        assert (await post(session, running.url, body))[0] == 200
        done.append(bound)

    busy = asyncio.create_task(ask(2000))
    await until(lambda: running.in_flight == 1, "the worker is busy")
    tasks = []
    for waiting, bound in enumerate(bounds, start=1):
        tasks.append(asyncio.create_task(ask(bound)))
        await until(lambda n=waiting: running.scheduler.waiting == n, "it waits")  # type: ignore[misc]
    await asyncio.gather(busy, *tasks)
    return done[1:]


async def test_sejf_serves_the_shortest_expected_first(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    settings: dict[str, Any] = {"policy": "sejf", "engine_queue": 0}
    async with gateway(emulator.url, scheduling=settings, **ONE_AT_A_TIME) as running:
        assert await _finish_order(running, session, [60, 5, 20, 10]) == [5, 10, 20, 60]


async def test_fcfs_serves_in_order_of_arrival(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    settings: dict[str, Any] = {"policy": "fcfs", "engine_queue": 0}
    async with gateway(emulator.url, scheduling=settings, **ONE_AT_A_TIME) as running:
        assert await _finish_order(running, session, [60, 5, 20, 10]) == [60, 5, 20, 10]


async def test_a_full_queue_answers_429_and_when_to_come_back(
    session: aiohttp.ClientSession,
) -> None:
    with EmbeddedEmulator(EmulatorConfig(speed=1)) as slow:
        limits: dict[str, Any] = {"scheduling": {"engine_queue": 0}, "queue": {"max_waiting": 1}}
        async with gateway(slow.url, **limits, **ONE_AT_A_TIME) as running:
            body = chat(vllm_xargs=forced(5000))
            tasks = [asyncio.create_task(post(session, running.url, body)) for _ in range(2)]
            await until(lambda: running.scheduler.waiting == 1, "one waits")
            url = running.url + "/v1/chat/completions"
            async with session.post(url, json=chat()) as response:
                assert response.status == 429
                assert int(response.headers["Retry-After"]) >= 1
                error = (await response.json())["error"]
            assert error["code"] == "queue_full"
            assert "queue.max_waiting" in error["message"]
            await hang_up(*tasks)


async def test_a_request_that_waits_too_long_is_answered_504(
    session: aiohttp.ClientSession,
) -> None:
    with EmbeddedEmulator(EmulatorConfig(speed=1)) as slow:
        limits: dict[str, Any] = {"scheduling": {"engine_queue": 0}, "queue": {"timeout_s": 0.2}}
        async with gateway(slow.url, **limits, **ONE_AT_A_TIME) as running:
            first = asyncio.create_task(post(session, running.url, chat(vllm_xargs=forced(5000))))
            await until(lambda: running.in_flight == 1, "the worker is busy")
            async with asyncio.timeout(2):
                status, reply = await post(session, running.url, chat())
            assert (status, reply["error"]["code"]) == (504, "queue_timeout")
            await hang_up(first)


async def test_an_answer_that_takes_too_long_is_answered_504_and_stopped(
    session: aiohttp.ClientSession,
) -> None:
    with EmbeddedEmulator(EmulatorConfig(speed=1)) as slow:
        async with gateway(slow.url, requests={"timeout_s": 0.3}) as running:
            status, reply = await post(session, running.url, chat(vllm_xargs=forced(5000)))
            assert (status, reply["error"]["code"]) == (504, "request_timeout")
            await until(lambda: not slow.engine.running, "the worker has stopped")


async def test_the_number_of_slots_is_learned_from_the_engine(
    session: aiohttp.ClientSession,
) -> None:
    engine = EngineConfig(max_num_seqs=40)
    with EmbeddedEmulator(EmulatorConfig(engine=engine, speed=2)) as emulator:
        async with gateway(emulator.url) as running:
            body = chat(vllm_xargs=forced(1000))
            tasks = [asyncio.create_task(post(session, running.url, body)) for _ in range(150)]
            (worker,) = running.scheduler.workers.values()
            await until(lambda: worker.spec.slots == 40, "all 40 slots are known")
            await hang_up(*tasks)


async def test_waiting_counts_in_the_time_that_answers_take(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async def turn(running: Gateway) -> float:
        async with session.get(running.url + "/ready") as response:
            return float((await response.json())["turn_s"])

    async with gateway(emulator.url) as running:
        before = await turn(running)
        for _ in range(5):  # each takes milliseconds, far less than what is assumed at first
            await post(session, running.url, chat(max_tokens=1))
        after_answers = await turn(running)
        assert after_answers < before
        body = {"model": "emulated", "input": "Hello"}
        async with session.post(running.url + "/v1/embeddings", json=body) as response:
            assert response.status == 200
            await response.read()
        assert await turn(running) == after_answers, "only what is generated has a length"


@pytest.mark.parametrize("send", [True, False])
async def test_the_order_goes_to_the_worker_unless_it_is_turned_off(
    session: aiohttp.ClientSession, send: bool
) -> None:
    bodies: list[dict[str, Any]] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(json.loads(await reader.readuntil(b"}]}")))
        writer.write(answer(b"{}"))

    async with (
        scripted(read) as worker,
        gateway(worker.url, scheduling={"send_priority": send}) as running,
    ):
        assert (await post(session, running.url, chat()))[0] == 200
    assert ("priority" in bodies[0]) == send


async def test_the_tokens_of_a_whole_answer_are_split_among_its_sequences(
    session: aiohttp.ClientSession,
) -> None:
    jobs: list[Job] = []

    async def answer_both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        jobs.extend(job for worker in running.scheduler.workers.values() for job in worker)
        await reader.readuntil(b"}]")
        writer.write(answer(b'{"usage": {"prompt_tokens": 3, "completion_tokens": 40}}'))

    async with scripted(answer_both) as worker, gateway(worker.url) as running:
        assert (await post(session, running.url, chat(n=2)))[0] == 200
        await running.until_idle()
    (job,) = jobs
    assert job.sequences == 2
    assert job.attained == 40 / 2, "the scheduler charges attained tokens once for each sequence"


def _noted_jobs(running: Gateway) -> list[Job]:
    """A list that grows by every job that the scheduler gets from now on."""
    jobs: list[Job] = []
    submit = running.scheduler.submit

    def noted(job: Job) -> Any:
        jobs.append(job)
        return submit(job)

    running.scheduler.submit = noted  # type: ignore[method-assign]
    return jobs


async def test_an_estimate_beyond_the_context_neither_outgrows_it_nor_cuts_the_forecast(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    images = [{"type": "image_url", "image_url": {"url": "https://i/1.png"}}] * 500
    async with gateway(emulator.url) as running:
        jobs = _noted_jobs(running)
        for content in ("Describe the pictures.", images):
            await post(session, running.url, chat(messages=[{"role": "user", "content": content}]))
        context = running.app.state.fleet.max_model_len(chat()["model"])
    assert jobs[1].prompt_tokens == context
    assert jobs[1].length.mean > jobs[0].length.mean / 10


async def test_only_streamed_answers_are_expected_to_report_progress(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url) as running:
        jobs = _noted_jobs(running)
        for stream in (True, False):
            body = chat(max_tokens=3, stream=stream)
            async with session.post(running.url + "/v1/chat/completions", json=body) as response:
                assert response.status == 200
                await response.read()
    assert [job.streams for job in jobs] == [True, False]
