"""Workers that break: what was not begun is tried elsewhere, what was begun ends with an error."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest
from openai import APIError

from gateway.emulator import EmbeddedEmulator
from tests.gateway.harness import chat, forced, gateway, post, until
from tests.gateway.scripted import CHUNK, STREAM_HEAD, Script, answer, chunked, scripted


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _hang_up_after_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM_HEAD)
    await writer.drain()


async def _hang_up_mid_stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM_HEAD + chunked(CHUNK) + chunked(CHUNK))
    await writer.drain()


async def _error_500(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b'{"error":{"message":"CUDA"}}', "500 Internal Server Error"))


@pytest.mark.parametrize("script", [_hang_up, _hang_up_after_headers])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_request_without_a_first_byte_is_tried_on_another_worker(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, script: Script, stream: bool
) -> None:
    async def ask() -> None:
        body = chat(stream=stream, max_tokens=5)
        async with session.post(running.url + "/v1/chat/completions", json=body) as response:
            assert response.status == 200
            assert b'"error"' not in await response.read()

    async with (
        scripted(script, dies=True) as broken,
        gateway(broken.url, emulator.url) as running,
    ):
        await asyncio.gather(*(ask() for _ in range(10)))
        assert running.metric("worker_failures_total", worker=broken.url) == broken.served > 0


async def test_a_stream_that_breaks_ends_with_an_error_event(
    session: aiohttp.ClientSession,
) -> None:
    async with scripted(_hang_up_mid_stream) as broken, gateway(broken.url) as running:
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=True)) as response:
            assert response.status == 200
            *chunks, error, rest = (await response.read()).split(b"\n\n")
        assert chunks == [CHUNK.strip()] * 2
        assert error.startswith(b'data: {"error": ')
        assert b"worker_failed" in error
        assert rest == b""
        async with running.openai() as client:
            stream = await client.chat.completions.create(
                model="emulated", messages=[{"role": "user", "content": "Hi"}], stream=True
            )
            with pytest.raises(APIError, match="middle of the answer"):
                [chunk async for chunk in stream]
        assert running.metric("requests_total", outcome="worker_failed") == 2


async def _error_in_stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    error = b'data: {"error": {"message": "CUDA"}}\n\n'
    writer.write(STREAM_HEAD + chunked(CHUNK) + chunked(error) + b"0\r\n\r\n")


async def test_an_error_that_the_worker_itself_streams_is_no_success(
    session: aiohttp.ClientSession,
) -> None:
    async with scripted(_error_in_stream) as worker, gateway(worker.url) as running:
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=True)) as response:
            assert b"CUDA" in await response.read()
        await running.until_idle()
        assert running.metric("requests_total", outcome="worker_5xx") == 1
        assert running.metric("requests_total", outcome="ok") == 0


@pytest.mark.parametrize("retries", [0, 2])
async def test_a_request_that_breaks_every_worker_is_given_up(
    session: aiohttp.ClientSession, retries: int
) -> None:
    async with (
        scripted(_hang_up) as broken,
        gateway(broken.url, requests={"retries": retries}) as running,
    ):
        status, body = await post(session, running.url, chat())
        assert (status, body["error"]["code"]) == (502, "worker_failed")
        assert broken.served == 1 + retries
        assert running.metric("queue_wait_seconds_count") == 1


async def test_a_server_error_of_a_healthy_worker_is_the_clients_to_see(
    session: aiohttp.ClientSession,
) -> None:
    async with scripted(_error_500) as worker, gateway(worker.url) as running:
        status, body = await post(session, running.url, chat())
        assert (status, body) == (500, {"error": {"message": "CUDA"}})
        assert worker.served == 1


async def test_a_server_error_of_a_dying_worker_is_retried(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with (
        scripted(_error_500, dies=True) as dying,
        gateway(dying.url, emulator.url) as running,
    ):
        asked = (post(session, running.url, chat(max_tokens=2)) for _ in range(4))
        assert {status for status, _ in await asyncio.gather(*asked)} == {200}
        assert running.metric("worker_failures_total", worker=dying.url) == dying.served > 0


async def test_without_a_healthy_worker_requests_wait_for_the_grace_and_get_503(
    session: aiohttp.ClientSession,
) -> None:
    short = {"no_worker_grace_s": 0.3}
    async with scripted(_hang_up) as worker, gateway(worker.url, queue=short) as running:
        worker.healthy = False
        await until(lambda: not running.app.state.fleet.ready, "the worker counts as down")
        for _ in range(2):
            url = running.url + "/v1/chat/completions"
            async with session.post(url, json=chat()) as response:
                assert response.status == 503
                assert int(response.headers["Retry-After"]) >= 1
                assert (await response.json())["error"]["code"] == "no_healthy_worker"
        async with session.get(running.url + "/ready") as response:
            assert response.status == 503
        async with session.get(running.url + "/health") as response:
            assert response.status == 200


async def test_a_worker_that_was_never_there_gives_503_and_not_404(
    session: aiohttp.ClientSession,
) -> None:
    short = {"no_worker_grace_s": 0.3}
    async with gateway("http://127.0.0.1:9", queue=short) as running:
        status, body = await post(session, running.url, chat())
    assert (status, body["error"]["code"]) == (503, "no_healthy_worker")


@contextmanager
def _emulator_process(port: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "gateway.cli", "emulate", "--port", str(port), "--speed", "20"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_worker_killed_and_brought_back_costs_only_the_streams_it_had_begun(
    session: aiohttp.ClientSession,
) -> None:
    first, second = _free_port(), _free_port()
    urls = [f"http://127.0.0.1:{port}" for port in (first, second)]
    results: list[str] = []

    async def ask(i: int) -> None:
        body = chat(stream=i % 2 == 0, vllm_xargs=forced(50 + i % 100))
        async with session.post(running.url + "/v1/chat/completions", json=body) as response:
            text = await response.text()
            assert response.status == 200, text
            if '"error": {' not in text:
                results.append("answered")
            else:
                assert body["stream"]
                assert text.startswith("data: {"), "an error instead of a first byte"
                results.append("broken")

    with _emulator_process(first), _emulator_process(second) as victim:
        async with gateway(*urls, worker={"max_num_seqs": 32}) as running:
            workers = running.scheduler.workers
            await until(lambda: len(workers) == 2, "both workers are up")
            tasks = [asyncio.create_task(ask(i)) for i in range(300)]
            await until(lambda: len(results) > 50, "some answers have come")
            had_begun = workers[urls[1]].sequences
            victim.send_signal(signal.SIGKILL)
            await until(lambda: not workers[urls[1]].healthy, "the loss is known")
            with _emulator_process(second):
                await until(lambda: workers[urls[1]].healthy, "it is back")
                await asyncio.gather(*tasks)
            assert len(results) == 300
            assert results.count("broken") <= had_begun
            assert running.metric("requests_total", outcome="ok") == results.count("answered")
