"""What operators do: drain a worker, pause the queue."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from tests.gateway.admin.operators import operated
from tests.gateway.harness import chat, forced, post, until
from tests.gateway.scripted import ANSWER, Script, answer, scripted


def answering() -> Script:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(ANSWER))

    return script


async def test_a_drained_worker_gets_nothing_new_through_probes_and_until_undrained(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        scripted(answering()) as kept,
        scripted(answering()) as drained,
        operated(kept.url, drained.url, health={"interval_s": 0.05, "scrape_s": 0.05}) as running,
    ):
        status, answered = await running.post(session, "/admin/drain", worker=drained.url + "/v1/")
        assert (status, answered["drained"], answered["in_flight"]) == (200, True, 0)
        assert answered["models_without_worker"] == []
        probes = len(drained.probed)
        await until(lambda: len(drained.probed) > probes + 4, "it is probed on")
        for _ in range(4):
            assert (await post(session, running.gateway.url, chat()))[0] == 200
        assert (kept.served, drained.served) == (4, 0)
        ready = await running.get(session, "/ready")
        assert [worker["draining"] for worker in ready["workers"]] == [False, True]
        assert running.gateway.metric("worker_draining", worker=drained.url) == 1
        await running.post(session, "/admin/drain", worker=kept.url)
        await running.post(session, "/admin/undrain", worker=drained.url)
        assert (await post(session, running.gateway.url, chat()))[0] == 200
        assert (kept.served, drained.served) == (4, 1)


async def test_a_drain_outlives_a_restart_where_a_folder_is_configured(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with scripted(answering()) as one, scripted(answering()) as other:
        learning = {"folder": tmp_path}
        async with operated(one.url, other.url, learning=learning) as running:
            _, answered = await running.post(session, "/admin/drain", worker=one.url)
            assert answered["kept_over_restarts"] is True
        assert (tmp_path / "drained.json").stat().st_mode & 0o777 == 0o600
        async with operated(one.url, other.url, learning=learning) as running:
            assert (await post(session, running.gateway.url, chat()))[0] == 200
            assert (one.served, other.served) == (0, 1)
            await running.post(session, "/admin/undrain", worker=one.url)
            (tmp_path / "drained.json").write_text("[")  # costs no start
        async with operated(one.url, learning=learning) as running:
            assert (await post(session, running.gateway.url, chat()))[0] == 200
            _, answered = await running.post(session, "/admin/drain", worker=one.url)
        async with operated(one.url) as running:
            _, answered = await running.post(session, "/admin/drain", worker=one.url)
            assert answered["kept_over_restarts"] is False


async def test_what_runs_on_a_drained_worker_ends(session: aiohttp.ClientSession) -> None:
    with EmbeddedEmulator(EmulatorConfig(speed=5)) as worker:
        async with operated(worker.url) as running:
            body = chat(vllm_xargs=forced(60))
            task = asyncio.create_task(post(session, running.gateway.url, body))
            await until(lambda: running.gateway.in_flight == 1, "it runs")
            _, answered = await running.post(session, "/admin/drain", worker=worker.url)
            assert answered["in_flight"] == 1
            assert answered["models_without_worker"] == ["emulated"]
            status, whole = await task
            assert (status, whole["usage"]["completion_tokens"]) == (200, 60)


async def test_an_unknown_worker_is_refused_with_the_known_ones_and_no_password(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator
) -> None:
    async with operated(emulator.url) as running:
        url = "http://root:hunter22@elsewhere:1"
        status, answered = await running.post(session, "/admin/drain", worker=url)
        assert status == 404
        assert emulator.url in answered["error"]["message"]
        assert "hunter22" not in str(answered)
        status, _ = await running.post(session, "/admin/drain")
        assert status == 400


async def test_a_pause_holds_requests_and_a_resume_lets_them_go(
    session: aiohttp.ClientSession,
) -> None:
    async with scripted(answering()) as worker, operated(worker.url) as running:
        await running.post(session, "/admin/pause")
        task = asyncio.create_task(post(session, running.gateway.url, chat()))
        await until(lambda: running.gateway.scheduler.waiting == 1, "it waits")
        ready = await running.get(session, "/ready")
        assert (ready["status"], ready["paused"]) == ("ready", True)
        assert running.gateway.metric("paused") == 1
        running.gateway.scheduler.check()
        assert worker.served == 0
        status, answered = await running.post(session, "/admin/resume")
        assert (status, answered["paused"]) == (200, False)
        assert (await task)[0] == 200


async def test_a_gateway_that_ends_answers_what_a_pause_has_held(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator
) -> None:
    async with operated(emulator.url) as running:
        await running.post(session, "/admin/pause")
        task = asyncio.create_task(post(session, running.gateway.url, chat(max_tokens=2)))
        await until(lambda: running.gateway.scheduler.waiting == 1, "it waits")
        running.gateway.app.state.leaving.drain()
        assert (await task)[0] == 200
        status, answered = await running.post(session, "/admin/pause")
        assert (status, answered["error"]["code"]) == (409, "draining")
