"""HTTP in raw bytes, as odd clients speak it: a request as written, an answer as sent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from yarl import URL

from tests.gateway.harness import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; the names of its headers are in lower case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def request(method: bytes, path: str, *headers: bytes, body: bytes = b"") -> bytes:
    """A request after which the connection ends; ``headers`` are whole lines."""
    lines = [method + b" " + path.encode("latin-1") + b" HTTP/1.1", b"host: gateway", *headers]
    if body:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


async def ask(url: str, data: bytes) -> Answer:
    """The answer to one request with a body of known length or in chunks."""
    reader, writer = await connected(url)
    try:
        writer.write(data)
        return await read_answer(reader, head_only=data.startswith(b"HEAD "))
    finally:
        writer.close()


async def connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the server at ``url``."""
    target = URL(url)
    return await asyncio.open_connection(target.host, target.port)


async def read_answer(reader: asyncio.StreamReader, *, head_only: bool = False) -> Answer:
    """Read one answer; ``head_only``: it has no body, whatever its headers say."""
    async with asyncio.timeout(PATIENCE_S):
        head = await reader.readuntil(b"\r\n\r\n")
        status, *lines = head[:-4].split(b"\r\n")
        pairs = [line.partition(b":") for line in lines]
        headers = [(name.lower(), value.strip(b" \t")) for name, _, value in pairs]
        number = int(status.split(b" ")[1])
        if head_only or number in (204, 304):
            return Answer(number, headers, b"")
        return Answer(number, headers, await _body(reader, dict(headers)))


async def _body(reader: asyncio.StreamReader, headers: dict[bytes, bytes]) -> bytes:
    if headers.get(b"transfer-encoding") != b"chunked":
        return await reader.readexactly(int(headers.get(b"content-length", b"0")))
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(parts)
