"""HTTP in bytes: heads, and where an answer ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

LONGEST_HEAD = 2**16


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the headers of a message; names are in lower case."""

    first: str
    headers: dict[str, str]
    raw: bytes

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.first.split(" ", 2)[1])

    @property
    def path(self) -> str:
        """The path of a request."""
        return self.first.split(" ", 2)[1]

    @property
    def length(self) -> int | None:
        """Bytes of the body; None if it comes in chunks."""
        if "chunked" in self.headers.get("transfer-encoding", ""):
            return None
        return int(self.headers.get("content-length", "0"))

    def closing(self) -> bytes:
        """The head, with the request that the connection end after the answer."""
        lines = self.raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(b"connection:")]
        return b"\r\n".join([*kept, b"connection: close", b"", b""])


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Read a head.

    Raises:
        asyncio.IncompleteReadError: the connection ended.
        ConnectionError: the connection broke.
    """
    return parse_head(await reader.readuntil(b"\r\n\r\n"))


def parse_head(raw: bytes) -> Head:
    """The head in ``raw``, which ends with an empty line."""
    first, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Head(first, headers, raw)


@dataclass(slots=True)
class AnswerEnd:
    """Follows the bytes of one answer to its end."""

    head: Head | None = None
    _seen: bytes = b""
    _body: int = 0

    @property
    def whole(self) -> bool:
        """Whether the last byte of the answer has come."""
        if self.head is None:
            return False
        if self.head.length is None:
            return self._seen.endswith(b"0\r\n\r\n")
        return self._body >= self.head.length

    @property
    def status(self) -> int:
        """The answer's status; 0: its head has not come."""
        return self.head.status if self.head else 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._seen += data
        if self.head is None:
            end = self._seen.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            self.head, self._seen = parse_head(self._seen[:end]), self._seen[end:]
            self._body = len(self._seen)
        else:
            self._body += len(data)
        self._seen = self._seen[-5:]


def message(first: str, fields: object, *headers: str) -> bytes:
    """A request or an answer with a JSON body, after which the connection ends."""
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    lines = [first, *headers, "content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body
