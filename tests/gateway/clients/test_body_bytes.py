"""The bodies of all requests together are bounded, and small ones fit longest."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.clients.body_bytes import STEPS, BodyBytes, NoRoomError
from gateway.config.settings import Requests
from tests.gateway.clients.test_connection import HEAD, before_a_hanging_worker, closed, code
from tests.gateway.harness import Gateway, chat, until
from tests.gateway.raw import ask, connected, read_answer, request

MOST = 4 * 2**20
SETTINGS = {"max_bodies_bytes": MOST, "max_body_bytes": 2**20}
LARGE = b'{"a": "' + b"x" * 1_000_000 + b'"}'
CHUNK = b"%x\r\n" % len(LARGE) + LARGE + b"\r\n"
CHUNKED = b"transfer-encoding: chunked"
SMALL = request(b"POST", "/v1/chat/completions", body=json.dumps(chat()).encode())


def held(running: Gateway) -> float:
    return running.metric("body_bytes")


@asynccontextmanager
async def nearly_full() -> AsyncIterator[Gateway]:
    """A gateway to which three clients are sending large bodies that do not end."""
    async with before_a_hanging_worker(requests=SETTINGS) as running:
        clients = [await connected(running.url) for _ in range(3)]
        for _, writer in clients:
            writer.write(HEAD + CHUNKED + b"\r\n\r\n" + CHUNK)
        await until(lambda: held(running) == 3 * len(LARGE), "their bodies are there")
        yield running
        for _, writer in clients:
            writer.close()
        await running.until_idle()
        assert held(running) == 0


@pytest.mark.parametrize("path", ["chat/completions", "messages", "embeddings"])
async def test_a_body_too_many_is_refused_before_it_is_read_and_small_ones_are_taken(
    path: str,
) -> None:
    async with nearly_full() as running:
        reader, writer = await connected(running.url)
        lines = [b"content-length: 1000000", b"expect: 100-continue"]
        writer.write(request(b"POST", f"/v1/{path}", *lines))
        got = await read_answer(reader)  # no "100 Continue" before it
        assert got.status == 503
        assert dict(got.headers)[b"retry-after"] == b"1"
        error = json.loads(got.body)["error"]
        assert "requests.max_bodies_bytes" in error["message"]
        assert path == "messages" or error["code"] == "bodies_full"
        await closed(reader)
        writer.close()
        assert running.metric("requests_total", outcome="bodies_full") == 1
        _, small = await connected(running.url)
        small.write(SMALL)
        await until(lambda: running.in_flight == 1, "the small one runs")
        small.close()


@pytest.mark.parametrize("packed", [False, True])
async def test_bytes_count_as_they_come_whatever_their_sender_says(packed: bool) -> None:
    async with nearly_full() as running:
        body = gzip.compress(LARGE) if packed else LARGE
        lines = [CHUNKED, b"content-encoding: gzip" if packed else b"x-a: b"]
        chunks = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        got = await ask(running.url, request(b"POST", "/v1/chat/completions", *lines) + chunks)
        assert (got.status, code(got)) == (503, "bodies_full")
        assert held(running) == 3 * len(LARGE)


async def test_a_claim_alone_takes_no_room() -> None:
    async with before_a_hanging_worker(requests=SETTINGS) as running:
        clients = [await connected(running.url) for _ in range(9)]
        for _, writer in clients:
            writer.write(HEAD + b"content-length: 1000000\r\n\r\n{")
        await until(lambda: held(running) == 9, "a byte of each is there")
        for _, writer in clients:
            writer.close()
        await running.until_idle()


async def test_a_body_that_says_it_is_too_long_is_refused_before_it_is_read() -> None:
    async with before_a_hanging_worker(requests=SETTINGS) as running:
        lines = [b"content-length: 1048577", b"expect: 100-continue"]
        got = await ask(running.url, request(b"POST", "/v1/embeddings", *lines))
        assert (got.status, code(got)) == (413, "body_too_large")


async def test_a_body_counts_until_its_request_ends() -> None:
    async with before_a_hanging_worker(requests=SETTINGS) as running:
        _, writer = await connected(running.url)
        body = json.dumps(chat(user="x" * 200_000)).encode()
        writer.write(request(b"POST", "/v1/chat/completions", body=body))
        await until(lambda: running.in_flight == 1, "it runs")
        assert held(running) == len(body)
        writer.close()
        await until(lambda: held(running) == 0, "its bytes come back")


def fill(bodies: BodyBytes, size: int) -> None:
    while True:
        bodies.body().grow(size)


def test_larger_bodies_leave_room_for_smaller_ones() -> None:
    bodies = BodyBytes(2**30, lambda: 1)
    left = []
    for size in (64 * 2**20, *reversed(STEPS)):
        with pytest.raises(NoRoomError):
            fill(bodies, size)
        left.append(2**30 - bodies.held)
    for bytes_left, eighths in zip(left, (3, 2, 1, 0), strict=True):
        assert 0 <= bytes_left - eighths * 2**27 < 64 * 2**20


def test_a_thread_that_goes_on_after_the_end_counts_nothing() -> None:
    bodies = BodyBytes(2**30, lambda: 1)
    with bodies.body() as body:
        body.grow(5)
    body.grow(7)
    assert bodies.held == 0


def test_the_largest_body_always_fits_alone() -> None:
    with pytest.raises(ValueError, match="at least four times"):
        Requests(max_bodies_bytes=2**20, max_body_bytes=2**19)
