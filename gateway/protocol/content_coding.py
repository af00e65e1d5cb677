"""Content coding: a client's compressed body is unpacked, since vLLM reads plain bodies only."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

from gateway.protocol.errors import ApiError
from gateway.protocol.headers import Headers

_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""zlib's ``wbits`` by coding."""

_MOST_CODINGS = 3

_SLICE = 4096
"""Bytes given to zlib at a time. After each of a body's members zlib copies what is left of them: a
body of many tiny members would otherwise take hours."""

_NAME = b"content-encoding"


class TooLongError(Exception):
    """A body has more bytes than it may have."""


async def unpacked(
    headers: Headers, body: bytes, limit: int, grow: Callable[[int], None] = lambda _: None
) -> tuple[Headers, bytes]:
    """Headers and body of a request with its ``Content-Encoding`` undone.

    ``grow`` hears in a thread of bytes that come to those of the body, and of those that go
    (a negative number); what it raises ends the unpacking.

    Raises:
        ApiError: 415 for another coding than gzip and deflate, 400 for a body that is not coded as
            it says.
        TooLongError: the body has more than ``limit`` bytes when unpacked.
    """
    named = ",".join(value.decode("latin-1") for name, value in headers if name == _NAME)
    codings = [coding.strip().lower() for coding in named.split(",")]
    codings = [coding for coding in codings if coding not in {"", "identity"}]
    if not codings or not body:
        return headers, body
    if len(codings) > _MOST_CODINGS or not _WINDOW.keys() >= set(codings):
        raise ApiError(
            415,
            f"Content-Encoding {named[:100]!r} is not read here. Send the body with gzip or "
            "deflate, or as it is.",
            code="invalid_encoding",
        )
    for coding in reversed(codings):  # a thread: a large body would hold up every stream
        packed = len(body)
        body = await asyncio.to_thread(_unpack, body, coding, limit, grow)
        grow(-packed)
    return [pair for pair in headers if pair[0] != _NAME], body


def _unpack(body: bytes, coding: str, limit: int, grow: Callable[[int], None]) -> bytes:
    window = _WINDOW[coding]
    if coding == "deflate" and (body[0] & 0x0F) != zlib.DEFLATED:
        window = -zlib.MAX_WBITS  # some clients send no zlib header
    found = bytearray()
    try:
        unpacker = zlib.decompressobj(wbits=window)
        for start in range(0, len(body), _SLICE):
            part = body[start : start + _SLICE]
            while part:
                if unpacker.eof:  # gzip may have several members
                    unpacker = zlib.decompressobj(wbits=window)
                piece = unpacker.decompress(part, limit - len(found) + 1)
                grow(len(piece))
                found += piece
                if len(found) > limit:
                    raise TooLongError
                part = unpacker.unused_data
        if not unpacker.eof:
            raise zlib.error("the body ends too early")
    except zlib.error as error:
        raise ApiError(
            400,
            f"The body is not {coding}, as Content-Encoding says: {error}.",
            code="invalid_encoding",
        ) from None
    return bytes(found)
