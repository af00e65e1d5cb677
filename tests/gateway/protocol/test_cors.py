"""What a browser may read: each answer has the CORS headers of one owner."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.gateway.harness import Gateway, chat, gateway
from tests.gateway.raw import Answer, ask, request
from tests.gateway.scripted import Script, answer, scripted

PAGE = b"https://ui.example"
BODY = json.dumps(chat()).encode()
UNKNOWN = json.dumps(chat(model="none")).encode()
CHAT = "/v1/chat/completions"
ANY = [b"*"]


def worker_allowing(origin: bytes = b"") -> Script:
    """A worker that lets an origin read its answers; "" lets none."""
    line = b"Access-Control-Allow-Origin: " + origin + b"\r\n" if origin else b""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        more = b"access-control-allow-methods: GET\r\nvary: accept\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + line + more + b"content-length: 2\r\n\r\n{}")

    return script


def values(got: Answer, name: bytes = b"allow-origin") -> list[bytes]:
    """The values of a CORS header."""
    return [value for key, value in got.headers if key == b"access-control-" + name]


async def asked(
    running: Gateway, method: bytes, path: str, *, origin: bytes = PAGE, body: bytes = b""
) -> Answer:
    """The answer to a page of ``origin``."""
    return await ask(running.url, request(method, path, b"origin: " + origin, body=body))


async def preflight(running: Gateway, path: str, origin: bytes = PAGE) -> Answer:
    """The answer to a browser that asks before a page's request."""
    lines = [b"origin: " + origin, b"access-control-request-method: POST"]
    lines.append(b"access-control-request-headers: authorization, x-stainless-os")
    return await ask(running.url, request(b"OPTIONS", path, *lines))


@pytest.mark.parametrize("allowed", [b"*", b"https://other.example", b""])
async def test_by_default_a_workers_headers_pass_and_all_may_read_the_gateways_answers(
    allowed: bytes,
) -> None:
    async with scripted(worker_allowing(allowed)) as worker, gateway(worker.url) as running:
        through = [allowed] if allowed else []
        assert values(await asked(running, b"POST", CHAT, body=BODY)) == through
        assert values(await preflight(running, CHAT)) == through
        for path in ("/v1/models", "/v1/models/emulated", "/v1/models/none", "/health"):
            assert values(await asked(running, b"GET", path)) == ANY
            assert values(await preflight(running, path)) == ANY
        unknown = await asked(running, b"POST", CHAT, body=UNKNOWN)
        assert (unknown.status, values(unknown)) == (404, ANY)
        for path in ("/ready", "/metrics"):
            assert values(await asked(running, b"GET", path)) == []
            assert values(await preflight(running, path)) == []


async def test_a_preflight_that_no_worker_can_answer_lets_the_page_read_the_error() -> None:
    settings = {"no_worker_grace_s": 0}
    async with gateway("http://127.0.0.1:9", queue=settings) as running:
        got = await preflight(running, CHAT)
        assert (got.status, got.body, values(got)) == (200, b"", ANY)
        error = await asked(running, b"POST", CHAT, body=BODY)
        assert (error.status, values(error)) == (503, ANY)
        assert values(error, b"expose-headers") == [
            b"X-Request-Id, Retry-After, X-Workers-Not-Asked, "
            b"X-RateLimit-Limit-Requests, X-RateLimit-Remaining-Requests, "
            b"X-RateLimit-Reset-Requests, X-RateLimit-Limit-Tokens, X-RateLimit-Remaining-Tokens, "
            b"X-RateLimit-Reset-Tokens"
        ]


def owning(*origins: str, **more: Any) -> dict[str, Any]:
    """Settings of a gateway that owns the headers."""
    return {"cors": {"origins": list(origins), **more}}


PATHS = [
    (b"POST", CHAT, BODY, 200),
    (b"POST", CHAT, UNKNOWN, 404),
    (b"GET", "/v1/models", b"", 200),
]
PATHS += [(b"GET", "/ready", b"", 200), (b"GET", "/metrics", b"", 200)]


@pytest.mark.parametrize(("method", "path", "body", "status"), PATHS)
async def test_with_origins_the_gateway_alone_decides(
    method: bytes, path: str, body: bytes, status: int
) -> None:
    settings = owning(PAGE.decode(), "http://localhost:3000")
    async with (
        scripted(worker_allowing(b"*")) as worker,
        gateway(worker.url, **settings) as running,
    ):
        got = await asked(running, method, path, body=body)
        assert (got.status, values(got), values(got, b"allow-methods")) == (status, [PAGE], [])
        assert (b"vary", b"Origin") in got.headers
        other = await asked(running, method, path, body=body, origin=b"https://evil.example")
        assert (other.status, values(other)) == (status, [])


async def test_with_origins_the_gateway_answers_preflights_itself() -> None:
    settings = owning(PAGE.decode(), credentials=True)
    async with (
        scripted(worker_allowing(b"*")) as worker,
        gateway(worker.url, **settings) as running,
    ):
        got = await preflight(running, CHAT)
        assert (got.status, values(got)) == (200, [PAGE])
        assert values(got, b"allow-headers") == [b"authorization, x-stainless-os"]
        assert b"POST" in values(got, b"allow-methods")[0]
        assert values(got, b"allow-credentials") == [b"true"]
        assert values(await preflight(running, CHAT, b"https://evil.example")) == []
        assert worker.served == 0


async def test_a_request_of_no_page_gets_no_headers_of_the_gateway() -> None:
    async with scripted(worker_allowing()) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"GET", "/v1/models"))
        assert values(got) == []


@pytest.mark.parametrize("path", ["/v1/models", CHAT])
async def test_no_cache_may_give_one_pages_answer_to_another(path: str) -> None:
    method, body = (b"POST", BODY) if path == CHAT else (b"GET", b"")
    async with scripted(worker_allowing(b"*")) as worker:
        for origins, vary in (([PAGE.decode()], True), (["*"], False), (None, False)):
            async with gateway(worker.url, cors={"origins": origins}) as running:
                of_no_page = await ask(running.url, request(method, path, body=body))
                assert ((b"vary", b"Origin") in of_no_page.headers) is vary
                for origin in (PAGE, b"https://other.example"):
                    got = await asked(running, method, path, origin=origin, body=body)
                    assert ((b"vary", b"Origin") in got.headers) is vary


async def test_a_page_may_read_a_stream_that_begins_early() -> None:
    release = asyncio.Event()

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.write(answer(b"{}", "500 Internal Server Error"))

    async with (
        scripted(late) as worker,
        gateway(worker.url, queue={"stream_comments_s": 0.01}) as running,
        aiohttp.ClientSession() as session,
        session.post(
            running.url + CHAT, json=chat(stream=True), headers={"Origin": PAGE.decode()}
        ) as response,
    ):
        assert response.headers.getall("Access-Control-Allow-Origin") == ["*"]
        release.set()
        await response.read()
