"""ExactRequest: an HTTP request whose headers reach the worker byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp


class ExactRequest(aiohttp.ClientRequest):
    """A request whose header values may hold bytes that are not UTF-8, as surrogate escapes.

    aiohttp writes headers as UTF-8 and leaves surrogates out, so that a latin-1 value of a client
    (Python's http.client and Node write such values) would lose its letters.
    """

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        """Send the request on the connection."""
        if not all(_is_text(value) for value in self.headers.values()):
            transport = _Transport(conn.protocol.transport, self.headers)
            conn = _Instead(conn, protocol=_Instead(conn.protocol, transport=transport))
        return await super().send(conn)


def _is_text(value: str) -> bool:
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


class _Instead:
    """Stands in for an object, with some attributes of its own."""

    def __init__(self, original: Any, **own: Any) -> None:
        self._original = original
        self.__dict__.update(own)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class _Transport(_Instead):
    """Stands in for a transport, and writes the headers of the request itself."""

    def __init__(self, original: Any, headers: Mapping[str, str]) -> None:
        super().__init__(original)
        self._headers: Mapping[str, str] | None = headers

    def write(self, data: bytes) -> None:
        """Write the data; the first data begin with request line and headers."""
        if self._headers is not None:
            head, _, rest = bytes(data).partition(b"\r\n\r\n")
            data = b"\r\n".join((head.partition(b"\r\n")[0], *_lines(self._headers), b"", rest))
            self._headers = None
        self._original.write(data)

    def writelines(self, chunks: Iterable[bytes]) -> None:
        """Write all chunks."""
        self.write(b"".join(chunks))


def _lines(headers: Mapping[str, str]) -> Iterable[bytes]:
    for name, value in headers.items():
        yield f"{name}: {value}".encode("utf-8", "surrogateescape")
