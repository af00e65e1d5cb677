"""Thirty-odd ways in which a worker can be bad, each a script for ``tests/gateway/scripted.py``."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from time import monotonic

from tests.gateway.scripted import ANSWER, BUSY, CHUNK, STREAM_HEAD, answer, chunked

STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
SERVICE_S = 0.2
"""Seconds that a good answer takes."""

Write = Callable[[bool, asyncio.StreamWriter], Awaitable[None]]
"""Answers one request; the flag tells whether a stream was asked for."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to be bad."""

    name: str
    write: Write
    cuts: bool = False
    """Whether streams begin before they fail: those cannot be tried again."""
    probe: Callable[[bytes], Awaitable[None]] | None = None
    """Awaited before a probe is answered."""
    status: dict[bytes, str] | None = None
    """Path of a probe -> the status line that answers it."""
    models: bytes | None = None


async def good(stream: bool, writer: asyncio.StreamWriter, seconds: float = SERVICE_S) -> None:
    """The answer of a good worker."""
    if not stream:
        await asyncio.sleep(seconds)
        writer.write(answer(ANSWER))
        return
    writer.write(STREAM_HEAD)
    for _ in range(4):
        await asyncio.sleep(seconds / 4)
        writer.write(chunked(CHUNK))
    writer.write(chunked(STOP) + chunked(DONE) + b"0\r\n\r\n")


def says(whole: bytes, streamed: bytes | None = None) -> Write:
    """The same bytes at once for each request."""

    async def write(stream: bool, writer: asyncio.StreamWriter) -> None:
        writer.write(streamed if stream and streamed is not None else whole)

    return write


def status(line: str) -> Write:
    """An error at once."""
    return says(answer(BUSY, line))


def then(first: Write, last: Write) -> Write:
    """One after the other."""

    async def write(stream: bool, writer: asyncio.StreamWriter) -> None:
        await first(stream, writer)
        await last(stream, writer)

    return write


async def hang(_: bool, writer: asyncio.StreamWriter) -> None:
    """Nothing more, until the gateway closes the connection."""
    while not writer.is_closing():
        await writer.drain()
        await asyncio.sleep(0.1)


async def reset(_: bool, writer: asyncio.StreamWriter) -> None:
    """The connection is reset."""
    await writer.drain()
    writer.transport.abort()


async def close(_: bool, writer: asyncio.StreamWriter) -> None:
    """The connection is closed."""
    writer.close()


def drips(data: bytes) -> Write:
    """A byte a second."""

    async def write(_: bool, writer: asyncio.StreamWriter) -> None:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(1.0)

    return write


def endless(head: bytes, part: bytes) -> Write:
    """The same part for ever."""

    async def write(_: bool, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)

    return write


def every(number: int, bad: Write) -> Write:
    """Each so-manieth request is bad."""
    requests = count(1)

    async def write(stream: bool, writer: asyncio.StreamWriter) -> None:
        await (good if next(requests) % number else bad)(stream, writer)

    return write


async def flaps(stream: bool, writer: asyncio.StreamWriter) -> None:
    """A second of good answers, a second of errors."""
    await (good if int(monotonic()) % 2 else status("500 Oops"))(stream, writer)


async def slow(stream: bool, writer: asyncio.StreamWriter) -> None:
    """Ten times slower than the others."""
    await good(stream, writer, 10 * SERVICE_S)


async def no_probe(_: bytes) -> None:
    """A probe that is never answered."""
    await asyncio.sleep(3600.0)


HTML = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"
LONG = JSON_HEAD + b"content-length: 900\r\n\r\n" + ANSWER
ERROR = b'{"error":{"message":"the engine died","type":"InternalServerError","code":500}}'
ZIPPED = gzip.compress(ANSWER)
GZIP = (
    JSON_HEAD
    + b"content-encoding: gzip\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    % (len(ZIPPED) // 2)
    + ZIPPED[: len(ZIPPED) // 2]
)
ELSEWHERE = answer(b"", "307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/elsewhere")
WHOLE = answer(ANSWER)

WAYS = (
    Way("500 at once", status("500 Internal Server Error")),
    Way("502 at once", status("502 Bad Gateway")),
    Way("503 at once", status("503 Service Unavailable")),
    Way("504 at once", status("504 Gateway Timeout")),
    Way("429 at once", status("429 Too Many Requests")),
    Way("429 with Retry-After", status("429 Too Many Requests\r\nRetry-After: 5")),
    Way("reset before headers", reset),
    Way("closed before headers", close),
    Way("reset after headers", then(says(JSON_HEAD, STREAM_HEAD), reset)),
    Way("cut in the head", then(says(WHOLE[:20]), close)),
    Way("cut in the body", then(says(WHOLE[:-9], STREAM_HEAD + chunked(CHUNK)[:30]), close)),
    Way(
        "cut after an event", then(says(WHOLE[:-9], STREAM_HEAD + chunked(CHUNK)), close), cuts=True
    ),
    Way(
        "ends after an event",
        says(WHOLE[:-9], STREAM_HEAD + chunked(CHUNK) + b"0\r\n\r\n"),
        cuts=True,
    ),
    Way("hangs before headers", hang),
    Way(
        "hangs after headers",
        then(says(JSON_HEAD + b"content-length: 9\r\n\r\n", STREAM_HEAD), hang),
    ),
    Way("hangs after an event", then(says(b"", STREAM_HEAD + chunked(CHUNK)), hang), cuts=True),
    Way("drips its head", drips(WHOLE)),
    Way("drips its body", then(says(JSON_HEAD + b"content-length: 99\r\n\r\n"), drips(ANSWER))),
    Way("10 times slower", slow),
    Way("a page of HTML", says(HTML)),
    Way("an empty body", says(answer(b""), STREAM_HEAD + b"0\r\n\r\n")),
    Way("no JSON", says(answer(b"{choices"))),
    Way("wrong content type", says(WHOLE.replace(b"application/json", b"text/plain"))),
    Way("endless headers", endless(b"HTTP/1.1 200 OK\r\n", b"x-more: " + b"a" * 4000 + b"\r\n")),
    Way(
        "endless body",
        endless(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n", chunked(b" " * 9999)),
    ),
    Way("endless comments", endless(STREAM_HEAD, chunked(b": still here\n\n"))),
    Way(
        "a chunk cut short",
        then(says(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\nffff\r\n{"), close),
    ),
    Way("gzip unasked and cut", says(GZIP)),
    Way("a redirect", says(ELSEWHERE)),
    Way("1xx for ever", endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n")),
    Way(
        "200 with an error", says(answer(ERROR), STREAM_HEAD + chunked(b"data: " + ERROR + b"\n\n"))
    ),
    Way("[DONE] at once", says(answer(b"[]"), STREAM_HEAD + chunked(DONE) + b"0\r\n\r\n")),
    Way("length too long", then(says(LONG), close)),
    Way("TLS bytes", says(b"\x15\x03\x01\x00\x02\x02\x28")),
    Way("flaps each second", flaps),
    Way("resets each third", every(3, reset)),
    Way("500 each fifth", every(5, status("500 Internal Server Error"))),
    Way("/health hangs too", hang, probe=no_probe),
    Way("/health fails", good, status={b"/health": "500 Internal Server Error"}),
    Way("other models", status("404 Not Found"), models=b'{"data":[{"id":"another"}]}'),
)
