"""Compressed bodies of requests reach the worker unpacked, within the limit of a body."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from gateway.protocol.content_coding import TooLongError, unpacked
from gateway.protocol.errors import ApiError
from tests.gateway.harness import chat, gateway
from tests.gateway.raw import ask, request
from tests.gateway.scripted import answer, scripted

BODY = json.dumps(chat()).encode()
LIMIT = 1000
BOMB = gzip.compress(b"a" * 10**7)


def raw_deflate(body: bytes) -> bytes:
    """The body deflated without zlib's header."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def twice(body: bytes) -> bytes:
    """The body deflated, then gzipped."""
    return gzip.compress(zlib.compress(body))


def two_members(body: bytes) -> bytes:
    """The body as a gzip file with two members."""
    return gzip.compress(body[:9]) + gzip.compress(body[9:])


PACKED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("GZIP", two_members),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("deflate, gzip", twice),
    ("identity", bytes),
    ("identity, gzip", gzip.compress),
]


@pytest.mark.parametrize(("coding", "pack"), PACKED)
async def test_a_packed_body_is_unpacked(coding: str, pack: Callable[[bytes], bytes]) -> None:
    kept = (b"content-type", b"application/json")
    headers = [(b"content-encoding", coding.encode()), kept]
    found = await unpacked(headers, pack(BODY), LIMIT)
    assert found[1] == BODY
    assert kept in found[0]


async def refusal(coding: str, body: bytes) -> tuple[int, str]:
    """Status and code of the error for a body."""
    with pytest.raises(ApiError) as caught:
        await unpacked([(b"content-encoding", coding.encode())], body, LIMIT)
    return caught.value.status, caught.value.code


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "gzip," * 4 + "gzip"])
async def test_a_coding_that_is_not_read_is_refused(coding: str) -> None:
    assert await refusal(coding, BODY) == (415, "invalid_encoding")


@pytest.mark.parametrize(
    "body",
    [BODY, gzip.compress(BODY)[:-9], gzip.compress(BODY) + b"more"],
    ids=["not packed", "cut", "more"],
)
async def test_a_body_that_is_not_what_its_header_says_is_refused(body: bytes) -> None:
    assert await refusal("gzip", body) == (400, "invalid_encoding")


async def test_a_small_body_that_unpacks_to_a_huge_one_is_refused() -> None:
    tracemalloc.start()
    for body in (gzip.compress(b"a" * 600) * 2, BOMB):
        with pytest.raises(TooLongError):
            await unpacked([(b"content-encoding", b"gzip")], body, LIMIT)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10**6, "it is never unpacked in full"
    exact = gzip.compress(b"a" * LIMIT)
    headers = [(b"content-encoding", b"gzip")]
    assert len((await unpacked(headers, exact, LIMIT))[1]) == LIMIT


async def test_many_tiny_members_take_no_time_that_grows_with_their_square() -> None:
    members = gzip.compress(b"") * 200_000 + gzip.compress(BODY)
    async with asyncio.timeout(20):
        found = await unpacked([(b"content-encoding", b"gzip")], members, LIMIT)
    assert found[1] == BODY


async def test_a_worker_gets_the_plain_body_and_no_word_of_the_coding() -> None:
    bodies: list[bytes] = []

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.readuntil(b"}]}"))
        writer.write(answer(b"{}"))

    settings = {"send_priority": False}
    async with scripted(read) as worker, gateway(worker.url, scheduling=settings) as running:
        packed = gzip.compress(BODY)
        data = request(b"POST", "/v1/chat/completions", b"content-encoding: gzip", body=packed)
        assert (await ask(running.url, data)).status == 200
        assert bodies == [BODY]
        assert b"content-encoding" not in worker.requests[-1].lower()
        assert b"content-length: %d\r\n" % len(BODY) in worker.requests[-1].lower()
