"""Requests through the real Envoy, with the example of deploy/envoy."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator
from tests.gateway.emulator.workers import SLOW
from tests.gateway.harness import Gateway, chat, forced, gateway, hang_up, post, until
from tests.gateway.picker.envoy import behind_envoy
from tests.gateway.scripted import ANSWER, CHUNK, STREAM_HEAD, answer, chunked, scripted

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAT = "/v1/chat/completions"
ONE: dict[str, Any] = {"worker": {"max_num_seqs": 1}, "scheduling": {"engine_queue": 0}}


async def _says_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(ANSWER))


def _values(head: bytes, name: bytes) -> list[bytes]:
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return [value.strip() for key, _, value in pairs if key.lower() == name]


async def test_a_stream_comes_event_by_event_and_teaches_its_length(
    tmp_path: Path,
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    modes: dict[str, str],
) -> None:
    async with behind_envoy(tmp_path, emulator.url, modes=modes) as front:
        body = chat(stream=True, vllm_xargs=forced(40))
        async with session.post(front.url + CHAT, json=body) as response:
            first = await response.content.readuntil(b"\n\n")
            assert front.gateway.in_flight == 1
            rest = await response.content.read()
        await front.gateway.until_idle()
        assert first.startswith(b"data: ")
        assert rest.endswith(b"data: [DONE]\n\n")
        assert b'"usage"' not in first + rest
        assert front.gateway.metric("output_tokens_sum") == 40
        assert front.gateway.metric("picker_requests_total", result="placed") == 1


async def test_a_whole_answer_teaches_by_its_usage_and_logs_nothing(
    tmp_path: Path,
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    modes: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with behind_envoy(tmp_path, emulator.url, modes=modes) as front:
        status, told = await post(session, front.url, chat(vllm_xargs=forced(12)))
        await front.gateway.until_idle()
        await until(lambda: front.gateway.metric("picker_streams") == 0, "no stream is left")
        assert (status, told["usage"]["completion_tokens"]) == (200, 12)
        assert [one.message for one in caplog.records if one.name.startswith("grpclib")] == []
        assert front.gateway.metric("output_tokens_sum") == 12
        assert front.gateway.metric("requests_total", outcome="ok") == 1


async def test_the_priority_is_the_schedulers_whatever_clients_send(
    tmp_path: Path, session: aiohttp.ClientSession, modes: dict[str, str]
) -> None:
    async with (
        scripted(_says_ok) as worker,
        behind_envoy(tmp_path, worker.url, modes=modes) as front,
    ):
        sent = {"X-Vllm-Priority": "-9", "X-Gateway-Destination-Endpoint": "192.0.2.1:1"}
        async with session.post(front.url + CHAT, json=chat(), headers=sent) as response:
            assert response.status == 200
        [head] = worker.requests
        [priority] = _values(head, b"x-vllm-priority")
        assert int(priority) > 0
        authority = worker.url.removeprefix("http://").encode()
        assert _values(head, b"x-gateway-destination-endpoint") == [authority]


async def test_a_client_that_hangs_up_frees_the_slot(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    with EmbeddedEmulator(SLOW) as slow:
        async with behind_envoy(tmp_path, slow.url, **ONE) as front:
            body = chat(vllm_xargs=forced(1000))
            running = asyncio.create_task(post(session, front.url, {**body, "stream": True}))
            await until(lambda: front.gateway.in_flight == 1, "the first runs")
            waiting = asyncio.create_task(post(session, front.url, body))
            await until(lambda: front.gateway.scheduler.waiting == 1, "the second waits")
            await hang_up(waiting)
            await until(lambda: front.gateway.scheduler.waiting == 0, "the second has left")
            await hang_up(running)
            await front.gateway.until_idle()
            assert front.gateway.metric("requests_total", outcome="client_gone") == 2


def _waits(running: Gateway) -> bool:
    return running.scheduler.waiting == 1


async def _refused(front: Any, session: aiohttp.ClientSession) -> tuple[int, Any, str | None]:
    """Status, error and Retry-After of a request beyond the queue."""
    async with session.post(front.url + CHAT, json=chat()) as response:
        told = json.loads(await response.read())
        return response.status, told["error"], response.headers.get("Retry-After")


async def test_errors_are_those_of_the_gateway(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    with EmbeddedEmulator(SLOW) as slow:
        settings: dict[str, Any] = {"queue": {"max_waiting": 1}, **ONE}
        told = []
        for make in (behind_envoy(tmp_path, slow.url, **settings), gateway(slow.url, **settings)):
            async with make as front:
                running = front if isinstance(front, Gateway) else front.gateway
                body = chat(vllm_xargs=forced(1000))
                held = [asyncio.create_task(post(session, front.url, body)) for _ in range(2)]
                await until(partial(_waits, running), "one waits")
                told.append(await _refused(front, session))
                await hang_up(*held)
        assert told[0][:2] == told[1][:2]
        assert told[0][0] == 429
        assert int(told[0][2] or 0) > 0


async def test_without_a_worker_the_answer_is_503_and_in_the_queue_too_long_504(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    async with scripted(_says_ok) as worker:
        worker.healthy = False
        queue = {"no_worker_grace_s": 0}
        async with behind_envoy(tmp_path, worker.url, queue=queue) as front:
            status, told = await post(session, front.url, chat())
            assert (status, told["error"]["code"]) == (503, "no_healthy_worker")
    with EmbeddedEmulator(SLOW) as slow:
        async with behind_envoy(tmp_path, slow.url, queue={"timeout_s": 0.2}, **ONE) as front:
            body = chat(vllm_xargs=forced(1000))
            running = asyncio.create_task(post(session, front.url, body))
            await until(lambda: front.gateway.in_flight == 1, "the first runs")
            status, told = await post(session, front.url, body)
            assert (status, told["error"]["code"]) == (504, "queue_timeout")
            await hang_up(running)


async def test_a_changed_body_and_a_large_one_reach_the_worker(
    tmp_path: Path,
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    modes: dict[str, str],
) -> None:
    models = {"aliases": {"nick": "emulated"}}
    async with behind_envoy(tmp_path, emulator.url, modes=modes, models=models) as front:
        for padding in (0, 150_000):
            body = chat("nick", user="x" * padding, vllm_xargs=forced(3))
            status, told = await post(session, front.url, body)
            assert (status, told.get("model")) == (200, "emulated"), told


async def test_an_answer_that_hangs_is_cut(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(CHUNK))
        await reader.read()
        await asyncio.Event().wait()

    async with (
        scripted(hangs) as worker,
        behind_envoy(tmp_path, worker.url, requests={"token_timeout_s": 0.3}) as front,
    ):
        async with session.post(front.url + CHAT, json=chat(stream=True)) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        await front.gateway.until_idle()
        assert front.gateway.metric("picker_requests_total", result="cut") == 1


async def test_a_worker_that_refuses_answers_itself_and_once(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b'{"error":{"message":"busy"}}', "429 Busy\r\nRetry-After: 7"))

    async with (
        scripted(busy) as one,
        scripted(busy) as two,
        behind_envoy(tmp_path, one.url, two.url) as front,
    ):
        async with session.post(front.url + CHAT, json=chat()) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "7")
        await front.gateway.until_idle()
        assert one.served + two.served == 1
        assert front.gateway.metric("worker_refusals_total") == 1
        assert front.gateway.metric("worker_failures_total") == 0


async def test_what_generates_nothing_passes_at_once_and_own_pages_are_answered(
    tmp_path: Path,
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    modes: dict[str, str],
) -> None:
    async with behind_envoy(tmp_path, emulator.url, modes=modes) as front:
        async with session.get(front.url + "/version") as response:
            assert "version" in await response.json()
        async with session.get(front.url + "/v1/models") as response:
            assert (await response.json())["data"][0]["id"] == "emulated"
        async with session.post(front.url + "/sleep") as response:
            assert response.status == 403
