"""Ends of streams: what is whole, what is cut, and what clients and forecasts are told."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from tests.gateway.harness import gateway
from tests.gateway.requests.answers import (
    DELTA,
    DONE,
    ERROR,
    LENGTH,
    STOP,
    TEXT,
    USAGE,
    ask,
    learned,
    messages_end,
    responses_end,
    streams,
)
from tests.gateway.scripted import CHUNK, scripted


@pytest.mark.parametrize("path", ["chat/completions", "completions"])
@pytest.mark.parametrize("ends", [True, False])
async def test_a_stream_without_an_end_is_an_error_and_learned_as_cut(
    session: aiohttp.ClientSession, tmp_path: Path, path: str, ends: bool
) -> None:
    script = streams(CHUNK, CHUNK, b"data: {half", ends=ends)
    async with (
        scripted(script) as worker,
        gateway(worker.url, learning={"folder": tmp_path}) as running,
    ):
        status, body = await ask(session, running, path, stream=True)
        assert (status, body.startswith(CHUNK + CHUNK)) == (200, True)
        last = body.removeprefix(CHUNK + CHUNK)
        assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "worker_failed"
        await running.until_idle()
        assert running.metric("requests_total", outcome="worker_failed") == 1
        assert running.metric("requests_total", outcome="ok") == 0
    assert learned(tmp_path) == (2, "aborted", True)


@pytest.mark.parametrize(
    ("path", "event", "kind"), [("responses", DELTA, "error"), ("messages", TEXT, "error")]
)
async def test_the_error_is_an_event_of_the_api_asked(
    session: aiohttp.ClientSession, tmp_path: Path, path: str, event: bytes, kind: str
) -> None:
    async with (
        scripted(streams(event, event)) as worker,
        gateway(worker.url, learning={"folder": tmp_path}) as running,
    ):
        _, body = await ask(session, running, path, stream=True, input="Hi")
        name, _, data = body.removeprefix(event + event).partition(b"\n")
        assert name == b"event: " + kind.encode()
        assert json.loads(data.removeprefix(b"data: "))["type"] == "error"
    assert learned(tmp_path) == (2, "aborted", True)


@pytest.mark.parametrize(
    ("path", "events", "reasons", "cut"),
    [
        ("chat/completions", [CHUNK, STOP, DONE], "stop", False),
        ("chat/completions", [CHUNK, STOP], "stop", False),
        ("chat/completions", [CHUNK, CHUNK, DONE], "", True),
        ("chat/completions", [CHUNK, LENGTH, DONE], "length", True),
        ("chat/completions", [CHUNK, STOP, DONE.strip()], "stop", False),
        ("completions", [CHUNK, LENGTH, DONE], "length", True),
        ("responses", [DELTA, responses_end("completed")], "stop", False),
        ("responses", [DELTA, responses_end("incomplete", "max_output_tokens")], "length", True),
        ("messages", [TEXT, messages_end("end_turn")], "stop", False),
        ("messages", [TEXT, messages_end("tool_use")], "tool_calls", False),
        ("messages", [TEXT, messages_end("max_tokens")], "length", True),
    ],
)
async def test_an_end_says_whether_the_answer_was_cut(
    session: aiohttp.ClientSession,
    tmp_path: Path,
    path: str,
    events: list[bytes],
    reasons: str,
    cut: bool,
) -> None:
    async with (
        scripted(streams(*events)) as worker,
        gateway(worker.url, learning={"folder": tmp_path}) as running,
    ):
        assert await ask(session, running, path, stream=True) == (200, b"".join(events))
        await running.until_idle()
        assert running.metric("requests_total", outcome="ok") == 1
    assert learned(tmp_path) == (2, reasons, cut)


async def test_what_breaks_after_the_last_event_breaks_nothing(
    session: aiohttp.ClientSession,
) -> None:
    script = streams(CHUNK, STOP, DONE, ends=False)
    async with scripted(script) as worker, gateway(worker.url) as running:
        assert await ask(session, running, stream=True) == (200, CHUNK + STOP + DONE)
        await running.until_idle()
        assert running.metric("requests_total", outcome="ok") == 1


async def test_a_stream_that_fails_after_some_tokens_is_learned_as_cut(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with (
        scripted(streams(CHUNK, CHUNK, ERROR, DONE)) as worker,
        gateway(worker.url, learning={"folder": tmp_path}) as running,
    ):
        assert (await ask(session, running, stream=True))[1] == CHUNK + CHUNK + ERROR + DONE
        await running.until_idle()
        assert running.metric("requests_total", outcome="worker_5xx") == 1
    assert learned(tmp_path) == (2, "aborted", True)


@pytest.mark.parametrize(
    ("options", "shown"),
    [({}, False), ({"include_usage": False}, False), ({"include_usage": True}, True)],
)
async def test_usage_is_hidden_where_the_gateway_alone_asked_for_it(
    session: aiohttp.ClientSession, options: dict[str, bool], shown: bool
) -> None:
    async with (
        scripted(streams(CHUNK, STOP, USAGE, DONE)) as worker,
        gateway(worker.url) as running,
    ):
        _, body = await ask(session, running, stream=True, stream_options=options)
        assert body == CHUNK + STOP + USAGE * shown + DONE


@pytest.mark.parametrize("path", ["messages", "embeddings"])
async def test_usage_is_not_hidden_where_the_gateway_did_not_ask(
    session: aiohttp.ClientSession, path: str
) -> None:
    async with scripted(streams(USAGE, DONE)) as worker, gateway(worker.url) as running:
        assert (await ask(session, running, path, stream=True))[1] == USAGE + DONE


async def test_an_error_after_half_an_event_begins_a_new_line(
    session: aiohttp.ClientSession,
) -> None:
    long = b'data: {"choices": [{"delta": {"content": "' + b"x" * (5 * 2**20)
    async with scripted(streams(CHUNK, long)) as worker, gateway(worker.url) as running:
        _, body = await ask(session, running, stream=True)
        last = body.removeprefix(CHUNK + long)
        assert json.loads(last.removeprefix(b"\n\ndata: "))["error"]["code"] == "worker_failed"
