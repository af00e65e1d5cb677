"""Keys, cookies and passwords are shown nowhere, whatever goes wrong with a request."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from tests.gateway.harness import chat, gateway, until
from tests.gateway.raw import ask, request
from tests.gateway.scripted import STREAM_HEAD, Script, chunked, refusing, scripted

SECRET = b"s3cret"
HEADERS = [
    b"Authorization: Bearer " + SECRET,
    b"X-Api-Key: " + SECRET,
    b"Cookie: session=" + SECRET,
]
BODY = json.dumps(chat(stream=True)).encode()


def raw(*parts: bytes, breaks: bool = False) -> Script:
    """Answers with these bytes; ``breaks``: and resets the connection."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
        if breaks:
            writer.transport.abort()

    return script


FAULTS: dict[str, Script] = {
    "no HTTP": raw(b"no HTTP " + SECRET + b"\r\n\r\n"),
    "bad header": raw(b"HTTP/1.1 200 OK\r\nbad header\r\nx: " + SECRET + b"\r\n\r\n"),
    "reset": raw(breaks=True),
    "reset in the stream": raw(STREAM_HEAD, chunked(b"data: {}\n\n"), breaks=True),
    "bad chunk": raw(STREAM_HEAD, b"zz " + SECRET + b"\r\n"),
    "odd status": raw(b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"),
    "redirect": raw(
        b"HTTP/1.1 307 T\r\nlocation: http://me:" + SECRET + b"@new/?key=" + SECRET + b"\r\n\r\n"
    ),
    "busy": refusing("503 Service Unavailable"),
    "wants a key": refusing("401 Unauthorized"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("forwards", [False, True])
async def test_no_fault_shows_a_secret(
    fault: str, forwards: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with scripted(FAULTS[fault]) as worker:
        url, settings = worker.url, {"forward_client_credentials": True}
        if not forwards:
            url, settings = url.replace("//", f"//me:{SECRET.decode()}@"), {}
        limits = {"retries": 1}
        async with gateway(url, worker=settings, requests=limits) as running:
            for path in ("/v1/chat/completions", "/v1/embeddings", "/sleep", "/nothing"):
                got = await ask(running.url, request(b"POST", path, *HEADERS, body=BODY))
                assert SECRET not in got.body
                assert SECRET not in b"".join(value for _, value in got.headers)
            await until(lambda: worker.served > 0, "the worker was asked")
            for page in ("/ready", "/metrics"):
                got = await ask(running.url, request(b"GET", page))
                assert SECRET not in got.body
    assert SECRET.decode() not in caplog.text
