"""Answers in memory are bounded together, and who takes them most slowly is cut off first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import aiohttp
import pytest

from gateway.clients.connection import Connection
from gateway.config.settings import Requests
from tests.gateway.clients.test_connection import ASK, endless, hanging, unread
from tests.gateway.harness import Gateway, chat, gateway, hang_up, post, until
from tests.gateway.scripted import answer, scripted

MIB = 2**20
LARGE, SMALL = 3 * MIB, 800_000
"""Bytes of answers that are counted while they come, or are not."""


@asynccontextmanager
async def with_unread_answers(clients: int, size: int, most: int) -> AsyncIterator[Gateway]:
    """A gateway with so many clients that do not read answers of this size."""
    body = json.dumps({"choices": [{"message": {"content": "x" * size}}]}).encode()
    bounds = {"max_answers_bytes": most, "max_answer_bytes": most // 2}

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body))
        await writer.drain()

    async with (
        scripted(script) as worker,
        gateway(worker.url, requests=bounds) as running,
        AsyncExitStack() as stack,
    ):
        for number in range(1, clients + 1):
            await stack.enter_async_context(unread(running.url, ASK))
            await until(partial(answered, running, number), "it is answered")
        yield running


def answered(running: Gateway, number: int) -> bool:
    return running.metric("requests_total", outcome="ok") == number


def cut(running: Gateway) -> float:
    return running.metric("connections_refused_total", reason="client_too_slow")


async def test_unread_answers_are_bounded_together() -> None:
    async with with_unread_answers(5, SMALL, 2 * MIB) as running:
        assert running.metric("answer_bytes") <= 2 * MIB
        assert cut(running) == 3
        await until(lambda: running.metric("connections", state="idle") == 2, "two are there")


async def test_what_a_client_has_not_taken_counts_until_it_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[Connection] = []
    made = Connection.connection_made

    def connection_made(self: Connection, transport: asyncio.Transport) -> None:
        found.append(self)
        made(self, transport)

    monkeypatch.setattr(Connection, "connection_made", connection_made)
    async with with_unread_answers(1, LARGE, 8 * MIB):
        [client] = found
        assert client.unread() is not None
        client.cut("client_too_slow")
        assert client.transport.get_write_buffer_size()  # the loop lets go of it in its next turn
        assert client.unread() is None


async def test_what_fits_waits_for_its_clients() -> None:
    async with with_unread_answers(2, LARGE, 8 * MIB) as running:
        assert running.metric("answer_bytes") > 5 * MIB
        assert cut(running) == 0


async def test_an_answer_that_comes_is_refused_rather_than_new_readers(
    session: aiohttp.ClientSession,
) -> None:
    async with with_unread_answers(2, LARGE, 8 * MIB) as running:
        status, body = await post(session, running.url, chat())
        assert (status, body["error"]["code"]) == (503, "answer_too_large")
        assert "requests.max_answers_bytes" in body["error"]["message"]
        await running.until_idle()
        assert cut(running) == 0
        assert running.app.state.connections.answers.coming == 0


async def test_an_answer_that_comes_cuts_off_slow_readers(session: aiohttp.ClientSession) -> None:
    async with with_unread_answers(2, LARGE, 8 * MIB) as running:
        await asyncio.sleep(1.1)  # so long nothing can be said of a client's pace
        status, _ = await post(session, running.url, chat())
        assert (status, cut(running)) == (200, 1)


def test_one_answer_fits_beside_another() -> None:
    with pytest.raises(ValueError, match=r"max_answers_bytes .* at least twice"):
        Requests(max_answer_bytes=2 * MIB, max_answers_bytes=3 * MIB)


@pytest.mark.parametrize("others", [0, 8])
async def test_a_client_that_takes_nothing_loses_its_worker_sooner_where_others_wait(
    session: aiohttp.ClientSession, others: int
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (endless if worker.served == 1 else hanging)(reader, writer)

    limits = {"send_timeout_s": 60, "send_timeout_queued_s": 0.4}
    async with (
        scripted(script) as worker,
        gateway(worker.url, listen=limits, worker={"max_num_seqs": 1}) as running,
        unread(running.url, ASK),
    ):
        await until(lambda: running.app.state.connections.answers.unread == 1, "it does not read")
        asking = [asyncio.create_task(post(session, running.url, chat())) for _ in range(others)]
        if others:
            await until(lambda: running.scheduler.waiting > 0, "others wait")
            outcome = {"outcome": "client_too_slow"}
            await until(lambda: running.metric("requests_total", **outcome) == 1, "it is cut off")
            assert cut(running) == 1
        else:
            await asyncio.sleep(1.0)  # what must not happen has had its time
            assert (running.in_flight, cut(running)) == (1, 0)
        await hang_up(*asking)
