"""Failed attempts cost the worker that is at fault, and no worker where the request is."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from gateway.workers.cooldown import FAILURES
from tests.gateway.harness import chat, gateway, post, until
from tests.gateway.scripted import ANSWER, BUSY, Script, answer, scripted

ERROR = answer(BUSY, "500 Internal Server Error")


async def _error(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(ERROR)


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _good(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(ANSWER))


@pytest.mark.parametrize(("script", "status"), [(_error, 500), (_hang_up, 502)])
async def test_a_request_that_breaks_every_worker_cools_none_down(
    session: aiohttp.ClientSession, script: Script, status: int
) -> None:
    async with (
        scripted(script) as one,
        scripted(script) as two,
        gateway(one.url, two.url) as running,
    ):
        members = running.app.state.fleet.members
        for _ in range(FAILURES):
            await until(lambda: all(m.healthy for m in members), "both workers are up")
            assert (await post(session, running.url, chat()))[0] == status
        assert min(one.served, two.served) >= FAILURES
        assert not any(m.cooling for m in members)


async def test_workers_that_break_a_request_which_another_answers_are_at_fault(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        scripted(_hang_up) as one,
        scripted(_hang_up) as two,
        scripted(_good) as three,
        gateway(one.url, two.url, three.url) as running,
    ):
        fleet = running.app.state.fleet
        for _ in range(FAILURES):
            await until(lambda: all(m.healthy for m in fleet.members), "all workers are up")
            assert (await post(session, running.url, chat()))[0] == 200
        assert fleet[one.url].cooling
        assert fleet[two.url].cooling
        assert not fleet[three.url].cooling


async def test_answers_that_generate_nothing_hide_no_broken_engine(
    session: aiohttp.ClientSession,
) -> None:
    async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}") if worker.paths[-1] == b"/tokenize" else ERROR)

    async with (
        scripted(half) as worker,
        scripted(_good) as other,
        gateway(worker.url, other.url) as running,
    ):
        for _ in range(20):
            assert (await post(session, running.url, chat()))[0] == 200
            for _ in range(2):  # one at each worker
                body = {"model": "emulated", "prompt": "Hi"}
                async with session.post(running.url + "/tokenize", json=body) as response:
                    assert response.status == 200
        generations = worker.paths.count(b"/v1/chat/completions")
        assert FAILURES <= generations <= 2 * FAILURES
        assert b"/tokenize" in worker.paths


async def test_an_error_of_the_client_proves_nothing_of_the_engine(
    session: aiohttp.ClientSession,
) -> None:
    def validates(otherwise: bytes) -> Script:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            wrong = b'"wrong"' in await reader.read(10_000)
            writer.write(answer(BUSY, "400 Bad Request") if wrong else otherwise)

        return script

    async with (
        scripted(validates(ERROR)) as worker,
        scripted(validates(answer(ANSWER))) as other,
        gateway(worker.url, other.url) as running,
    ):
        for _ in range(2 * FAILURES):
            assert (await post(session, running.url, chat()))[0] == 200
            assert (await post(session, running.url, chat(user="wrong")))[0] == 400
        assert running.app.state.fleet[worker.url].cooldown.until > 0, "it never cooled down"
