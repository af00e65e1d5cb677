"""Streams that begin while their requests wait."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from tests.gateway.harness import chat, gateway
from tests.gateway.scripted import CHUNK, STREAM_HEAD, Script, answer, chunked, scripted

COMMENT = b": waiting\n\n"
DONE = b"data: [DONE]\n\n"


def holding(release: asyncio.Event, reply: bytes) -> Script:
    """A worker that answers once it may."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(reply)

    return script


STREAM = STREAM_HEAD + chunked(CHUNK + DONE) + b"0\r\n\r\n"
REFUSAL = answer(b'{"error": {"message": "too long", "code": 400}}', "400 Bad Request")


@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages"])
async def test_a_waiting_stream_begins_with_comments_and_goes_on_with_the_answer(
    session: aiohttp.ClientSession, path: str
) -> None:
    release = asyncio.Event()
    async with (
        scripted(holding(release, STREAM)) as worker,
        gateway(worker.url, queue={"stream_comments_s": 0.01}) as running,
        session.post(f"{running.url}/v1/{path}", json=chat(stream=True)) as response,
    ):
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert "X-Request-Id" in response.headers
        assert await response.content.readexactly(2 * len(COMMENT)) == 2 * COMMENT
        release.set()
        body = (await response.read()).replace(COMMENT, b"")
        assert body == CHUNK + DONE


@pytest.mark.parametrize(
    ("path", "begin"),
    [
        ("chat/completions", b'data: {"error"'),
        ("messages", b"event: error\ndata: "),
        ("responses", b"event: error\ndata: "),
    ],
)
async def test_a_refusal_after_an_early_begin_is_an_event(
    session: aiohttp.ClientSession, path: str, begin: bytes
) -> None:
    release = asyncio.Event()
    async with (
        scripted(holding(release, REFUSAL)) as worker,
        gateway(worker.url, queue={"stream_comments_s": 0.01}) as running,
        session.post(f"{running.url}/v1/{path}", json=chat(stream=True)) as response,
    ):
        assert response.status == 200
        release.set()
        event = (await response.read()).replace(COMMENT, b"")
        assert event.startswith(begin)
        error = json.loads(event.partition(b"data: ")[2])["error"]
        assert error["message"] == "too long"
        await running.until_idle()
        assert running.metric("requests_total", outcome="worker_4xx") == 1


async def test_an_error_in_the_queue_after_an_early_begin_is_an_event(
    session: aiohttp.ClientSession,
) -> None:
    waiting = {"stream_comments_s": 0.01, "timeout_s": 0.2}
    async with (
        scripted(holding(asyncio.Event(), STREAM)) as worker,
        gateway(
            worker.url,
            queue=waiting,
            scheduling={"engine_queue": 0},
            worker={"max_num_seqs": 1},
        ) as running,
        session.post(f"{running.url}/v1/chat/completions", json=chat(stream=True)),
        session.post(f"{running.url}/v1/chat/completions", json=chat(stream=True)) as second,
    ):
        assert second.status == 200
        event = (await second.read()).replace(COMMENT, b"")
        assert json.loads(event.removeprefix(b"data: "))["error"]["code"] == "queue_timeout"


@pytest.mark.parametrize(("comments", "stream"), [(0.0, True), (0.01, False)])
async def test_only_a_stream_begins_early_and_only_if_asked_to(
    session: aiohttp.ClientSession, comments: float, stream: bool
) -> None:
    release = asyncio.Event()
    async with (
        scripted(holding(release, REFUSAL)) as worker,
        gateway(worker.url, queue={"stream_comments_s": comments}) as running,
    ):
        asked = asyncio.create_task(
            session.post(f"{running.url}/v1/chat/completions", json=chat(stream=stream))
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asked), 0.1)
        release.set()
        async with await asked as response:
            assert response.status == 400
