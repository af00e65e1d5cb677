"""Requests for every worker: all of them end, and no log shows a key."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.gateway.harness import gateway, until
from tests.gateway.scripted import answer, scripted

PATH = "/v1/load_lora_adapter"


async def test_a_worker_that_fails_leaves_the_others_to_end_and_shows_no_key(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    may_answer, ended = asyncio.Event(), asyncio.Event()

    async def no_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no HTTP\r\n\r\n")
        may_answer.set()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        await until(lambda: "did not answer" in caplog.text or PATH in caplog.text, "a log line")
        writer.write(answer(b"{}"))
        ended.set()

    async with (
        scripted(no_http) as one,
        scripted(slow) as two,
        gateway(one.url, two.url, endpoints={"to_every_worker": [PATH]}) as running,
    ):
        headers = {"Authorization": "Bearer secret-1"}
        url = running.url + PATH + "?key=secret-2"
        async with session.post(url, json={}, headers=headers) as response:
            assert response.status == 502
            assert ended.is_set(), "it answered before every worker had ended"
    assert f"worker {one.url}: POST {PATH}: no proper HTTP" in caplog.text
    assert "secret" not in caplog.text


async def test_the_answer_names_the_workers_that_are_down(session: aiohttp.ClientSession) -> None:
    async def done(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}"))

    down, endpoints = "http://127.0.0.1:9", {"to_every_worker": [PATH]}
    async with scripted(done) as up:
        for urls, named in ((up.url, down), down), ((up.url,), None):
            async with (
                gateway(*urls, endpoints=endpoints) as running,
                session.post(running.url + PATH, json={}) as response,
            ):
                assert response.status == 200
                assert response.headers.get("X-Workers-Not-Asked") == named


async def test_an_error_names_the_workers_that_are_down_too(session: aiohttp.ClientSession) -> None:
    async def no_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"no HTTP\r\n\r\n")

    down, endpoints = "http://127.0.0.1:9", {"to_every_worker": [PATH]}
    async with scripted(no_http) as up:
        for urls, status, named in ((up.url, down), 502, down), ((down,), 503, down):
            async with (
                gateway(*urls, endpoints=endpoints) as running,
                session.post(running.url + PATH, json={}) as response,
            ):
                assert response.status == status
                assert response.headers.get("X-Workers-Not-Asked") == named
