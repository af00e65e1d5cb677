"""EnvoyAnswer: a worker's answer as Envoy passes it by, for the relay to read."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from multidict import CIMultiDict

from gateway.protocol.headers import Headers


class EnvoyAnswer:
    """One answer: its headers, and its body in the pieces that have come (``Answer``)."""

    def __init__(self, headers: Headers) -> None:
        status = next((value for name, value in headers if name == b":status"), b"502")
        self.status = int(status)
        self.raw_headers = [pair for pair in headers if not pair[0].startswith(b":")]
        self.headers: CIMultiDict[str] = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw_headers
        )
        self.ended = False
        """Whether the last byte has come."""
        self._parts: deque[bytes] = deque()
        self.closed = False
        """Whether nobody reads any more."""
        self._news = asyncio.Event()

    @property
    def content_type(self) -> str:
        """The media type without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def content(self) -> EnvoyAnswer:
        """The body: the answer itself reads it."""
        return self

    def feed(self, part: bytes, *, ended: bool) -> None:
        """Take a piece of the body; ``ended``: it is the last one."""
        if part and not self.closed:
            self._parts.append(part)
        self.ended = self.ended or ended
        self._news.set()

    async def iter_any(self) -> AsyncIterator[bytes]:
        """The body in pieces, as they come."""
        while True:
            while self._parts:
                yield self._parts.popleft()
            if self.ended:
                return
            self._news.clear()
            await self._news.wait()

    def at_eof(self) -> bool:
        """Whether nothing is left."""
        return self.ended and not self._parts

    def close(self) -> None:
        """Keep nothing more: the client gets the answer from Envoy all the same."""
        self.closed = True
        self._parts.clear()
