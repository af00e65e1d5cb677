"""Upload: a request's body on its way to a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator

from multidict import CIMultiDict

PIECE = 262_144
"""Bytes that are handed to the connection at a time."""


def upload(body: bytes, headers: CIMultiDict[str]) -> bytes | AsyncIterator[memoryview] | None:
    """The body as the HTTP client takes it, and the length of a large one among its headers.

    A large body goes in pieces: as a whole it would be copied while every other request waits.
    """
    if len(body) <= PIECE:
        return body or None
    headers["Content-Length"] = str(len(body))
    return _pieces(memoryview(body))


async def _pieces(body: memoryview) -> AsyncIterator[memoryview]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]
