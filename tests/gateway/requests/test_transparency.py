"""What passes the gateway byte for byte, and what must never pass, on raw sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.gateway.harness import chat, gateway, post
from tests.gateway.raw import ask, request
from tests.gateway.scripted import Script, ScriptedWorker, answer, scripted
from tests.gateway.workers.fleets import fleet_of

BODY = json.dumps(chat()).encode()
CHAT = "/v1/chat/completions"
OWN = {b"host", b"content-length", b"accept-encoding", b"x-request-id"}
"""Headers that the gateway sets in a request to a worker."""


def saying(raw: bytes) -> Script:
    """Answers every request with these bytes."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return script


def lines(worker: ScriptedWorker) -> list[bytes]:
    """Header lines of the last request but those that the gateway sets."""
    found = worker.requests[-1].split(b"\r\n")[1:-2]
    return [line for line in found if line.partition(b":")[0].lower() not in OWN]


@pytest.mark.parametrize("method", [b"POST", b"DELETE"])
async def test_a_clients_headers_reach_the_worker_byte_for_byte(method: bytes) -> None:
    given = [
        b"x-utf8: J\xc3\xb6rg \xe2\x9c\x93",
        b"x-latin1: Jos\xe9",
        b"x-both: \xc3\xa9 and \xe9",
        b"x-tag: b",
        b"x-other: 1",
        b"x-tag: a",
        b"x-empty: ",
        b'cookie: a="1 2"; b=c,d',
        b"authorization: Bearer k",
    ]
    body, settings = BODY if method == b"POST" else b"", {"forward_client_credentials": True}
    async with (
        scripted(saying(answer(b"{}"))) as worker,
        gateway(worker.url, worker=settings) as running,
    ):
        path = "/v1/chat/completions" if body else "/v1/responses/x"
        got = await ask(running.url, request(method, path, *given, body=body))
        assert got.status == 200
        assert lines(worker) == given


CREDENTIALS = (b"Authorization: Bearer k", b"X-Api-Key: k", b"api-key: k", b"Cookie: k=1")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"api_key": "own"}, [b"authorization: bearer own"]),
        ({"forward_client_credentials": True}, [line.lower() for line in CREDENTIALS]),
        (
            {"forward_client_credentials": True, "api_key": "own"},
            [line.lower() for line in CREDENTIALS],
        ),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [(b"POST", CHAT), (b"GET", "/version"), (b"POST", "/sleep"), (b"GET", "/v1/responses/resp_1")],
)
async def test_a_clients_keys_and_cookies_reach_a_worker_only_where_configured(
    method: bytes, path: str, settings: dict[str, Any], expected: list[bytes]
) -> None:
    endpoints, body = {"to_every_worker": ["/sleep"]}, BODY if path == CHAT else b""
    async with (
        scripted(saying(answer(b"{}"))) as worker,
        gateway(worker.url, worker=settings, endpoints=endpoints) as running,
    ):
        assert (
            await ask(running.url, request(method, path, *CREDENTIALS, body=body))
        ).status == 200
        secret = (b"authorization", b"x-api-key", b"api-key", b"cookie")
        found = [line.lower() for line in lines(worker)]
        assert sorted(line for line in found if line.startswith(secret)) == sorted(expected)
        own = b"Authorization: Bearer own"
        assert all((own in head) == ("api_key" in settings) for head in worker.probed)


async def test_headers_of_one_connection_do_not_pass_in_either_direction() -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nconnection: x-second\r\nX-Hop: 1\r\n"
        b"X-Second: 2\r\nKeep-Alive: timeout=5\r\nX-Kept: 3\r\ncontent-length: 2\r\n\r\n{}"
    )
    given = [b"connection: keep-alive, X-Mine", b"connection: TE", b"x-mine: 1", b"te: trailers"]
    given += [b"proxy-connection: keep-alive", b"x-kept: 1"]
    async with scripted(saying(raw)) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"POST", "/v1/completions", *given, body=BODY))
        assert lines(worker) == [b"x-kept: 1"]
    assert not {b"x-hop", b"x-second", b"keep-alive"} & {name for name, _ in got.headers}
    assert (b"x-kept", b"3") in got.headers


async def test_a_workers_headers_reach_the_client_byte_for_byte() -> None:
    sent = [(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2"), (b"x-utf8", b"\xc3\xa9")]
    sent += [(b"x-latin1", b"\xe9"), (b"x-long", b"l" * 20_000), (b"set-cookie", b"a=1; Path=/")]
    head = b"".join(name + b": " + value + b"\r\n" for name, value in sent)
    raw = b"HTTP/1.1 200 OK\r\n" + head + b"content-length: 2\r\n\r\n{}"
    async with scripted(saying(raw)) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"POST", "/v1/completions", body=BODY))
    names = {name for name, _ in sent}
    assert [pair for pair in got.headers if pair[0] in names] == sent


async def test_a_request_id_comes_back_as_it_was_sent() -> None:
    given = b"x-request-id: a-1_b.c/d:e" + b"f" * 115
    async with scripted(saying(answer(b"{}"))) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"POST", "/v1/completions", given, body=BODY))
        assert given in worker.requests[-1].lower()
    assert tuple(given.split(b": ")) in got.headers


@pytest.mark.parametrize("value", [b"a" * 129, b"\xc3\xa9", b"a b", b"\x9b31m"])
async def test_a_request_id_that_is_long_or_odd_is_replaced(value: bytes) -> None:
    given = b"x-request-id: " + value
    async with scripted(saying(answer(b"{}"))) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"POST", "/v1/completions", given, body=BODY))
        assert value not in worker.requests[-1]
    assert len(dict(got.headers)[b"x-request-id"]) == 32


async def test_a_workers_header_that_http_forbids_does_not_break_the_answer() -> None:
    raw = b"HTTP/1.1 200 OK\r\nx-bad: a\x01b\r\nx-good: 1\r\ncontent-length: 2\r\n\r\n{}"
    async with scripted(saying(raw)) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"POST", "/v1/completions", body=BODY))
    assert (got.status, got.body) == (200, b"{}")
    assert (b"x-good", b"1") in got.headers


@pytest.mark.parametrize("status", [101, 600, 999])
async def test_a_status_that_is_none_of_https_fails_the_worker(
    status: int, session: aiohttp.ClientSession
) -> None:
    raw = b"HTTP/1.1 %d Odd\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}" % status
    settings = {"retries": 0}
    async with scripted(saying(raw)) as worker, gateway(worker.url, requests=settings) as running:
        found, body = await post(session, running.url, chat())
        assert (found, body["error"]["code"]) == (502, "worker_failed")


async def test_one_clients_cookie_never_goes_with_anothers_request() -> None:
    raw = b"HTTP/1.1 200 OK\r\nset-cookie: session=1; Path=/\r\ncontent-length: 2\r\n\r\n{}"
    async with scripted(saying(raw)) as worker:
        async with gateway(worker.url.replace("127.0.0.1", "localhost")) as running:
            first = await ask(running.url, request(b"POST", "/v1/completions", body=BODY))
            await ask(running.url, request(b"POST", "/v1/completions", body=BODY))
        assert (b"set-cookie", b"session=1; Path=/") in first.headers
        assert worker.served == 2
        assert b"cookie" not in worker.requests[-1].lower()


async def test_neither_a_proxy_of_the_environment_nor_netrc_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: aiohttp.ClientSession
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with scripted(saying(answer(b"{}"))) as worker, gateway(worker.url) as running:
        assert (await post(session, running.url, chat()))[0] == 200
        assert b"authorization" not in worker.requests[-1].lower()


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_and_not_followed(
    status: int, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with scripted(saying(answer(b"{}"))) as target:
        place = target.url.replace("://", "://user:hush@") + "/v1/chat/completions?key=hush"
        raw = b"HTTP/1.1 %d Moved\r\nlocation: %s\r\n\r\n" % (status, place.encode())
        async with scripted(saying(raw)) as worker, gateway(worker.url) as running:
            found, body = await post(session, running.url, chat())
            assert (found, body["error"]["code"]) == (502, "worker_failed")
            assert "redirect" in body["error"]["message"]
            assert worker.served == 1
            assert running.app.state.fleet.ready
        assert target.served == 0
    assert f"{target.url}/v1/chat/completions" in caplog.text
    assert "hush" not in caplog.text


async def test_an_answer_that_only_looks_like_a_redirect_passes() -> None:
    raw = b'HTTP/1.1 304 Not Modified\r\netag: "1"\r\nlocation: /elsewhere\r\n\r\n'
    async with scripted(saying(raw)) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"GET", "/v1/responses/x"))
    assert (got.status, got.body) == (304, b"")
    assert (b"etag", b'"1"') in got.headers


@asynccontextmanager
async def redirecting(target: str) -> AsyncIterator[str]:
    """A server that refers every request, probes among them, to another address."""

    async def refer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
        place = target.encode() + path
        writer.write(b"HTTP/1.1 308 Moved\r\nlocation: " + place + b"\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_worker_that_redirects_probes_is_down_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        scripted(saying(answer(b"{}"))) as target,
        redirecting(target.url) as url,
        fleet_of(url) as wing,
    ):
        assert not wing.fleet[url].healthy
    assert f"GET /health is redirected (308) to {target.url}/health" in caplog.text
    assert "give the worker's URL" in caplog.text
