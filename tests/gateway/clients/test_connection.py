"""What a client can make grow on its connection is bounded, and its hang-up is always seen."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from yarl import URL

from tests.gateway.harness import PATIENCE_S, Gateway, chat, gateway, until
from tests.gateway.raw import Answer, ask, connected, read_answer, request
from tests.gateway.scripted import CHUNK, STREAM_HEAD, answer, chunked, scripted
from tests.gateway.slow_client import opened

CHAT = "/v1/chat/completions"
BODY = json.dumps(chat()).encode()
ASK = request(b"POST", CHAT, body=BODY)
GET = request(b"GET", "/health")
HEAD = b"POST " + CHAT.encode() + b" HTTP/1.1\r\nhost: gateway\r\n"


async def hanging(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """A worker that never answers."""
    await asyncio.Event().wait()


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A worker whose stream has no end."""
    writer.write(STREAM_HEAD)
    while True:
        writer.write(chunked(CHUNK * 1000))
        await writer.drain()


@asynccontextmanager
async def before_a_hanging_worker(**settings: Any) -> AsyncIterator[Gateway]:
    async with scripted(hanging) as worker, gateway(worker.url, **settings) as running:
        yield running


async def closed(reader: asyncio.StreamReader) -> None:
    """Return once the other side has ended the connection."""
    async with asyncio.timeout(PATIENCE_S):
        while await reader.read(65536):
            pass


def code(got: Answer) -> str:
    found: str = json.loads(got.body)["error"]["code"]
    return found


LARGE = b"x-a: " + b"a" * 3000
BOUNDS = {
    "listen": {"max_header_bytes": 2048, "max_url_bytes": 512, "max_headers": 20},
    "health": {"interval_s": 0.1},
}
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (request(b"GET", "/health", LARGE), 431, "headers_too_large"),
        (HEAD + LARGE, 431, "headers_too_large"),
        (HEAD + b"x-" + b"a" * 3000, 431, "headers_too_large"),
        (request(b"GET", "/health", *[b"a: b"] * 21), 431, "headers_too_large"),
        (b"\r\n" * 3000, 431, "headers_too_large"),
        (request(b"GET", "/" + "a" * 600), 414, "url_too_long"),
        (b"GET /" + b"a" * 3000, 414, "url_too_long"),
        (b"\x16\x03\x01\x00\xee", 400, "invalid_http"),
        (b"GET http://gateway HTTP/1.1\r\n\r\n", 400, "invalid_http"),
        (request(b"BREW", "/pot"), 501, "not_found"),
        (request(b"get", "/health"), 501, "not_found"),
    ],
)
async def test_a_request_over_a_bound_is_refused_with_its_reason(
    data: bytes, status: int, reason: str
) -> None:
    async with before_a_hanging_worker(**BOUNDS) as running:
        reader, writer = await connected(running.url)
        writer.write(data)
        got = await read_answer(reader)
        assert (got.status, code(got)) == (status, reason)
        await closed(reader)
        writer.close()
        assert running.metric("connections_refused_total", reason=reason) == 1


@pytest.mark.parametrize("more", [b"0\r\n" + LARGE, b"1;" + b"a" * 3000])
async def test_what_is_no_body_is_bounded_inside_a_body_too(more: bytes) -> None:
    async with before_a_hanging_worker(**BOUNDS) as running:
        reader, writer = await connected(running.url)
        writer.write(CHUNKED)
        await until(lambda: running.metric("connections", state="receiving") == 1, "it comes in")
        writer.write(more)
        got = await read_answer(reader)
        assert (got.status, code(got)) == (431, "headers_too_large")
        writer.close()
        await running.until_idle()
        assert running.metric("requests_total", outcome="headers_too_large") == 1


async def test_a_refused_client_is_not_asked_for_the_body_it_waits_to_send() -> None:
    async with before_a_hanging_worker() as running:
        reader, writer = await connected(running.url)
        writer.write(HEAD + b"expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\nnone\r\n")
        got = await read_answer(reader)
        assert (got.status, code(got)) == (400, "invalid_http")
        await closed(reader)
        writer.close()
        await running.until_idle()
        assert running.metric("requests_total", outcome="invalid_http") == 1


async def test_a_refusal_under_messages_has_the_shape_of_that_api() -> None:
    async with before_a_hanging_worker(**BOUNDS) as running:
        got = await ask(running.url, request(b"POST", "/v1/messages", LARGE))
    assert json.loads(got.body)["type"] == "error"


async def test_who_sends_on_after_a_refusal_gets_it_still() -> None:
    async with before_a_hanging_worker(**BOUNDS) as running:
        reader, writer = await connected(running.url)
        writer.write(HEAD + b"x-a: " + b"a" * 8_000_000)
        await writer.drain()
        assert (await read_answer(reader)).status == 431
        writer.close()


async def test_trailers_are_no_headers_of_the_request() -> None:
    async def ok(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}"))

    async with scripted(ok) as worker, gateway(worker.url) as running:
        size = b"%x\r\n" % len(BODY)
        data = (
            HEAD + b"transfer-encoding: chunked\r\n\r\n" + size + BODY + b"\r\n0\r\nx-t: 1\r\n\r\n"
        )
        assert (await ask(running.url, data)).status == 200
        assert b"x-t" not in worker.requests[0]


@pytest.mark.parametrize(
    "sent",
    [
        ASK,
        ASK + GET,
        ASK + GET[:20],
        ASK + b"\r\n",
        ASK + GET * 40,
        ASK + b"no HTTP at all\r\n",
        ASK + HEAD + b"content-length: 9000000\r\n\r\n" + b"x" * 400_000,
    ],
    ids=["nothing", "one", "half", "crlf", "many", "nonsense", "upload"],
)
async def test_a_hang_up_is_seen_whatever_was_sent_after_the_request(sent: bytes) -> None:
    async with before_a_hanging_worker() as running:
        _, writer = await connected(running.url)
        writer.write(sent[: len(ASK)])
        await until(lambda: running.in_flight == 1, "it runs")
        writer.write(sent[len(ASK) :])
        await writer.drain()
        writer.close()
        await until(lambda: running.in_flight == 0, "the hang-up is seen", 5)
        assert running.metric("requests_total", outcome="client_gone") == 1


async def test_the_end_of_the_clients_side_is_a_hang_up() -> None:
    async with before_a_hanging_worker() as running:
        _, writer = await connected(running.url)
        writer.write(ASK)
        await until(lambda: running.in_flight == 1, "it runs")
        writer.write_eof()
        await until(lambda: running.in_flight == 0, "the hang-up is seen", 5)
        writer.close()


async def test_pipelined_requests_are_answered_in_order_up_to_the_bound() -> None:
    async with gateway(listen={"max_pipelined": 3}) as running:
        reader, writer = await connected(running.url)
        paths = ["/health", "/none", "/v1/models", "/none", "/health", "/health"]
        writer.write(b"".join(request(b"GET", path) for path in paths))
        found = [(await read_answer(reader)).status for _ in range(4)]
        assert found == [200, 404, 200, 404]
        await closed(reader)
        writer.close()
        assert running.metric("connections_refused_total", reason="pipelined") == 1


async def test_a_client_that_sends_headers_slowly_is_told_so() -> None:
    settings = {"header_timeout_s": 0.2}
    async with gateway(listen=settings) as running:
        reader, writer = await connected(running.url)
        writer.write(GET[:20])
        got = await read_answer(reader)
        assert (got.status, code(got)) == (408, "header_timeout")
        await closed(reader)
        writer.close()


async def test_a_client_that_is_gone_when_it_is_refused_does_not_stop_the_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone(_: asyncio.Transport) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr("asyncio.selector_events._SelectorSocketTransport.write_eof", gone)
    async with gateway(listen={"header_timeout_s": 0.2}) as running:
        _, writer = await connected(running.url)
        writer.write(GET[:20])
        await until(lambda: running.metric("connections", state="closing") == 1, "it is refused")
        assert running.metric("background_failures_total") == 0
        writer.close()


async def test_slow_headers_after_an_answer_are_told_so_too() -> None:
    async with gateway(listen={"header_timeout_s": 0.2}) as running:
        reader, writer = await connected(running.url)
        writer.write(GET + GET[:20])
        assert [(await read_answer(reader)).status for _ in range(2)] == [200, 408]
        writer.close()


async def test_a_connection_that_asks_nothing_is_closed() -> None:
    async with gateway(listen={"keep_alive_s": 1}) as running:
        reader, writer = await connected(running.url)
        await closed(reader)
        writer.close()


@asynccontextmanager
async def unread(url: str, data: bytes) -> AsyncIterator[socket.socket]:
    """A connection of a client that asks and does not read."""
    target = URL(url)
    assert target.host is not None
    assert target.port is not None
    with await opened(target.host, target.port, data) as one:
        yield one


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_does_not_read_loses_its_worker_and_its_connection(
    stream: bool,
) -> None:
    async def large(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b'"' + b"x" * 20_000_000 + b'"'))

    async with (
        scripted(endless if stream else large) as worker,
        gateway(worker.url, listen={"send_timeout_s": 0.4}) as running,
        unread(running.url, ASK),
    ):
        await until(lambda: running.metric("connections", state="answering") == 1, "it is there")
        await until(lambda: running.metric("connections") == 0, "it is cut")
        outcome = "client_too_slow" if stream else "ok"
        await running.until_idle()
        assert running.metric("requests_total", outcome=outcome) == 1
        assert running.metric("connections_refused_total", reason="client_too_slow") == 1


async def test_a_client_that_reads_slowly_but_reads_is_not_cut() -> None:
    async with (
        scripted(endless) as worker,
        gateway(worker.url, listen={"send_timeout_s": 0.4}) as running,
    ):
        loop = asyncio.get_running_loop()
        async with unread(running.url, ASK) as client:
            deadline = loop.time() + 1.5
            while loop.time() < deadline:
                assert await loop.sock_recv(client, 4096)
                await asyncio.sleep(0.05)  # a slow client, not a wait
            assert running.in_flight == 1


async def test_a_hang_up_of_a_client_that_did_not_read_is_seen() -> None:
    async with (
        scripted(endless) as worker,
        gateway(worker.url) as running,
        unread(running.url, ASK) as client,
    ):
        await until(lambda: running.app.state.connections.answers.unread == 1, "it does not read")
        client.shutdown(socket.SHUT_WR)
        await until(lambda: running.in_flight == 0, "the hang-up is seen", 5)


async def test_one_connection_too_many_closes_the_oldest_idle_one() -> None:
    async with gateway(listen={"max_connections": 3}) as running:
        clients = [await connected(running.url) for _ in range(3)]
        await until(lambda: running.metric("connections", state="idle") == 3, "three are idle")
        assert (await ask(running.url, GET)).status == 200
        await closed(clients[0][0])
        assert running.metric("connections_refused_total", reason="evicted") == 1
        for _, writer in clients:
            writer.close()


async def test_a_slow_request_makes_room_for_a_new_connection() -> None:
    async with before_a_hanging_worker(listen={"max_connections": 1}) as running:
        reader, writer = await connected(running.url)
        writer.write(HEAD + b"content-length: 9\r\n\r\n{")
        await until(lambda: running.metric("connections", state="receiving") == 1, "it comes in")
        assert (await ask(running.url, GET)).status == 200
        got = await read_answer(reader)
        assert (got.status, code(got)) == (503, "too_many_connections")
        writer.close()
        await running.until_idle()
        assert running.metric("requests_total", outcome="too_many_connections") == 1


async def test_a_connection_too_many_is_refused_where_all_wait_for_answers() -> None:
    async with before_a_hanging_worker(listen={"max_connections": 1}) as running:
        _, writer = await connected(running.url)
        writer.write(ASK)
        await until(lambda: running.in_flight == 1, "it runs")
        got = await ask(running.url, GET)
        assert (got.status, code(got)) == (503, "too_many_connections")
        assert dict(got.headers)[b"retry-after"] == b"1"
        writer.close()


async def test_one_address_has_a_bound_of_its_own() -> None:
    async with gateway(listen={"max_connections_per_address": 1}) as running:
        _, writer = await connected(running.url)
        got = await ask(running.url, GET)
        assert (got.status, code(got)) == (503, "too_many_connections")
        writer.close()
        await until(lambda: running.metric("connections") == 0, "all are gone")
        assert (await ask(running.url, GET)).status == 200
