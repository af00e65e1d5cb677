"""Answers that are not streamed: cut, of an error, broken off."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator
from tests.gateway.harness import chat, gateway, until
from tests.gateway.requests.answers import (
    DONE,
    ERROR,
    ask,
    learned,
    streams,
    whole,
)
from tests.gateway.scripted import ANSWER, Script, chunked, scripted


@pytest.mark.parametrize(
    ("path", "fields", "reasons", "cut"),
    [
        ("chat/completions", {"choices": [{"finish_reason": "stop"}]}, "stop", False),
        ("chat/completions", {"choices": [{"finish_reason": "length"}]}, "length", True),
        ("chat/completions", {"choices": [{"finish_reason": None}]}, "", True),
        ("responses", {"status": "completed", "error": None}, "stop", False),
        (
            "responses",
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
            True,
        ),
        ("messages", {"stop_reason": "end_turn"}, "stop", False),
        ("messages", {"stop_reason": "max_tokens"}, "length", True),
    ],
)
async def test_a_whole_answer_says_whether_it_was_cut(
    session: aiohttp.ClientSession,
    tmp_path: Path,
    path: str,
    fields: dict[str, Any],
    reasons: str,
    cut: bool,
) -> None:
    names = ("prompt_tokens", "completion_tokens")
    names = names if path == "chat/completions" else ("input_tokens", "output_tokens")
    body = json.dumps({**fields, "usage": dict(zip(names, (3, 2), strict=True))}).encode()
    async with (
        scripted(whole(body)) as worker,
        gateway(worker.url, learning={"folder": tmp_path}) as running,
    ):
        assert await ask(session, running, path) == (200, body)
    assert learned(tmp_path) == (2, reasons, cut)


async def test_an_error_in_an_answer_of_status_200_is_counted_as_one(
    session: aiohttp.ClientSession,
) -> None:
    body = b'{"error": {"message": "too long", "code": 400}}'
    async with scripted(whole(body)) as worker, gateway(worker.url) as running:
        assert await ask(session, running) == (200, body)
        await running.until_idle()
        assert running.metric("requests_total", outcome="worker_4xx") == 1


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

CUT_BODIES = [
    whole(b'{"choices": [', HEAD + b"content-length: 500\r\n\r\n"),
    whole(chunked(b'{"choices": ['), HEAD + b"transfer-encoding: chunked\r\n\r\n"),
    whole(b'{"choices": [', HEAD + b"connection: close\r\n\r\n"),
    streams(b": comment\n\n"),
    streams(b": comment\n\n", ends=False),
    streams(),
    streams(ERROR + DONE),
]


@pytest.mark.parametrize("script", CUT_BODIES)
async def test_an_answer_cut_before_a_client_saw_of_it_is_asked_for_again(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, script: Script
) -> None:
    async with (
        scripted(script, dies=True) as broken,
        gateway(broken.url, emulator.url) as running,
    ):
        asks = (ask(session, running, max_tokens=3, stream=script in CUT_BODIES[3:]) for _ in "123")
        for status, body in await asyncio.gather(*asks):
            assert (status, b'"error"' in body) == (200, False)
        assert broken.served > 0


@pytest.mark.parametrize(("fields", "most"), [({"max_tokens": 9}, 9), ({}, 4096)])
async def test_a_worker_that_counts_more_tokens_than_fit_is_not_believed(
    session: aiohttp.ClientSession, tmp_path: Path, fields: dict[str, Any], most: int
) -> None:
    usage = {"prompt_tokens": 2**31 - 1, "completion_tokens": 2**31 - 1}
    body = json.dumps({"choices": [{"finish_reason": "stop"}], "usage": usage}).encode()
    async with (
        scripted(whole(body)) as worker,
        gateway(worker.url, learning={"folder": tmp_path}) as running,
    ):
        (member,) = running.app.state.fleet.members
        member.backend.models = {"emulated": {"max_model_len": 4096}}
        assert await ask(session, running, **fields) == (200, body)
        await until(lambda: running.metric("prompt_tokens_total") == 4096, "counted")
    assert learned(tmp_path)[0] == most


GZIPPED = gzip.compress(json.dumps({"choices": [], "usage": {"completion_tokens": 2}}).encode())
IN_GZIP = HEAD + b"content-encoding: gzip\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"


async def test_a_compressed_answer_that_is_cut_is_asked_for_elsewhere(
    session: aiohttp.ClientSession,
) -> None:
    cut = GZIPPED[:-9]
    async with (
        scripted(whole(cut, IN_GZIP % len(cut))) as bad,
        scripted(whole(ANSWER)) as good,
        gateway(bad.url, good.url) as running,
    ):
        for _ in range(4):
            assert await ask(session, running) == (200, ANSWER)
        assert bad.served > 0


async def test_a_compressed_answer_is_passed_on_as_it_is_and_read(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with (
        scripted(whole(GZIPPED, IN_GZIP % len(GZIPPED))) as worker,
        gateway(worker.url, learning={"folder": tmp_path}) as running,
    ):
        url = f"{running.url}/v1/chat/completions"
        async with (
            aiohttp.ClientSession(auto_decompress=False) as plain,
            plain.post(url, json=chat()) as response,
        ):
            assert await response.read() == GZIPPED
            assert response.headers["Content-Encoding"] == "gzip"
    assert learned(tmp_path)[0] == 2


LOGPROB = b'{"token": "a", "logprob": -0.1, "bytes": [97, 98], "top_logprobs": [{}, {}, {}, {}]},'
LARGE = (
    b'{"choices": [{"finish_reason": "length", "logprobs": {"content": [%s0]}}], "usage": %s}'
    % (
        LOGPROB * 100_000,
        b'{"prompt_tokens": 1, "completion_tokens": 7}',
    )
)


async def test_a_large_answer_is_read_beside_the_event_loop(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async def beat() -> None:
        while True:
            begun = time.thread_time()  # of this thread alone, however busy the machine is
            await asyncio.sleep(0)
            worked.append(time.thread_time() - begun)

    begun = time.thread_time()
    json.loads(LARGE)
    at_once, worked = time.thread_time() - begun, list[float]()
    learning = {"folder": str(tmp_path)}
    async with scripted(whole(LARGE)) as worker, gateway(worker.url, learning=learning) as running:
        heart = asyncio.create_task(beat())
        assert await ask(session, running) == (200, LARGE)
        heart.cancel()
        assert max(worked) < at_once / 2
        await running.until_idle()
    assert learned(tmp_path) == (7, "length", True)
