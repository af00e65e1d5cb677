"""The number of values in a JSON text, before they are made."""

from __future__ import annotations

from collections.abc import Iterator

WINDOW = 65_536
"""Bytes read at a time."""

CONTAINER = 4
"""Values that an object or an array counts as, since it takes so much more memory than others."""

_UNCOUNTED = bytes(code for code in range(256) if code not in b'",:[{')


def count_values(body: bytes) -> int:
    """The values and names of a JSON text, by its punctuation; see ``CONTAINER``."""
    total, inside = 1, 0
    for piece in _pieces(body):
        plain = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        between = plain.translate(None, _UNCOUNTED).split(b'"')
        outside = b"".join(between[inside::2])
        inside = (inside + len(between) - 1) % 2
        containers = outside.count(b"[") + outside.count(b"{")
        total += len(outside) + (CONTAINER - 1) * containers
    return total


def _pieces(body: bytes) -> Iterator[bytes]:
    """The body in pieces none of which ends within an escape."""
    start = 0
    while start < len(body):
        end = start + WINDOW
        piece = body[start:end]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            piece += body[end : end + 1]
        yield piece
        start += len(piece)
