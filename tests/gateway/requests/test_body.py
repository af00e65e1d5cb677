"""Bodies that come too slowly, or are too long."""

from __future__ import annotations

import asyncio
import gzip
import json
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.gateway.harness import gateway


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_body_that_is_too_long_as_sent_or_unpacked_is_answered_413(
    session: aiohttp.ClientSession, coding: str
) -> None:
    body = b"a" * 1025 if coding == "identity" else gzip.compress(b"a" * 1025)
    async with gateway(requests={"max_body_bytes": 1024}) as running:
        url = running.url + "/v1/chat/completions"
        headers = {"Content-Encoding": coding}
        async with session.post(url, data=body, headers=headers) as response:
            error = (await response.json())["error"]
            assert (response.status, error["code"]) == (413, "body_too_large")
            assert "more than 1024 bytes" in error["message"]


@pytest.mark.parametrize(
    ("path", "where"), [("chat/completions", "code"), ("messages", "type"), ("embeddings", "code")]
)
@pytest.mark.parametrize("sent", [b"", b'{"model": '])
async def test_a_body_that_does_not_come_in_time_is_answered_408_and_its_connection_ends(
    path: str, where: str, sent: bytes
) -> None:
    async with gateway(requests={"body_timeout_s": 0.2}) as running:
        url = urlsplit(running.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        head = f"POST /v1/{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n"
        writer.write(head.encode() + sent)
        async with asyncio.timeout(20):
            answered = await reader.read()  # to the end of the connection
        status, _, body = answered.partition(b"\r\n\r\n")
        assert status.startswith(b"HTTP/1.1 408 ")
        error = json.loads(body)["error"]
        assert error[where] == {"code": "body_timeout", "type": "timeout_error"}[where]
        assert "requests.body_timeout_s" in error["message"]
        writer.close()
        assert running.metric("requests_total", outcome="body_timeout") == 1
