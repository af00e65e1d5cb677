"""Server-sent events by the WHATWG specification: a byte stream cut into events, byte for byte.

Lines end with LF, CR or CRLF, wherever the network cuts them; an empty line ends an event.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_EVENT_BYTES = 4 * 2**20
"""Bytes of one event that are kept until its end. A longer event passes in pieces, unread."""

_END = re.compile(rb"\n(?:\n|\r\n?)|\r(?:\n(?:\n|\r\n?)|\r\n?)")
"""A line's end and the empty line after it. No CRLF counts as two ends. Every branch begins with
the character itself, which makes the search twice as fast."""

_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event, or a piece of an event that is too long to keep."""

    raw: bytes
    """The bytes as they came. The bytes of all events are the bytes of the stream."""
    name: bytes = b""
    """The field ``event``; empty without one."""
    data: bytes | None = None
    """The fields ``data``, joined by LF; None without one (a comment), and for a piece."""


@dataclass(slots=True)
class SseParser:
    """Cuts a byte stream into events as the bytes come."""

    limit: int = MOST_EVENT_BYTES
    _buffer: bytearray = field(default_factory=bytearray)
    _seen: int = 0
    """Bytes of the buffer that hold no end of an event."""
    inside: bool = False
    """Whether a piece of the present event has been given out."""
    _begun: bool = False
    """Whether an event has been given out: a byte order mark can only come before."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes, and the pieces of one that is too long."""
        if self._begun and not self._buffer and not self.inside and _is_simple(data):
            return [Event(data, b"", data[6:-2])]
        self._buffer += data
        events, start = [], 0
        for end in _END.finditer(self._buffer, self._seen):
            events.append(self._event(bytes(self._buffer[start : end.end()])))
            start = end.end()
        del self._buffer[:start]
        if len(self._buffer) > self.limit or self.inside:
            events += self._piece()
        self._seen = max(0, len(self._buffer) - 3)  # an end has four bytes at most
        return events

    def rest(self) -> Event | None:
        """What has come without an end, as an event; None for nothing. The stream is over."""
        if not self._buffer:
            return None
        raw = bytes(self._buffer)
        self._buffer.clear()
        return self._event(raw)

    def _piece(self) -> list[Event]:
        # Line ends at the end of the buffer may be the first half of the event's end.
        kept = len(self._buffer.rstrip(b"\r\n"))
        raw = bytes(self._buffer[:kept])
        if not raw:
            return []
        del self._buffer[:kept]
        name = b"" if self.inside else self._event(raw).name
        self.inside = True
        return [Event(raw, name)]

    def _event(self, raw: bytes) -> Event:
        if self.inside:
            self.inside = False
            return Event(raw)
        text = raw if self._begun else raw.removeprefix(_BOM)
        self._begun = True
        return Event(raw, b"", text[6:-2]) if _is_simple(text) else _parsed(raw, text)


def _is_simple(data: bytes) -> bool:
    """Whether the bytes are one event with the field ``data`` alone, as most are."""
    return (
        data[-2:] == b"\n\n"
        and data.find(b"\n") == len(data) - 2
        and data[:6] == b"data: "
        and b"\r" not in data
    )


def _parsed(raw: bytes, text: bytes) -> Event:
    name, data = b"", []
    for line in text.splitlines():  # of bytes: at LF, CR and CRLF only
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value
    return Event(raw, name, b"\n".join(data) if data else None)
