"""The size of an image in pixels, read from the first bytes of a data URL."""

from __future__ import annotations

import base64
import binascii
import re
import struct

HEAD_BYTES = 65_536
"""Bytes of an image that are looked at: the size stands behind the metadata of a photograph."""

_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""JPEG markers of a segment that begins with the size."""

_FILL = re.compile(rb"\xff+")
"""The beginning of a segment: any number of these bytes before its marker."""

_MOST_SEGMENTS = 128
"""JPEG segments that are stepped over in search of the size."""


def image_size(data: str) -> tuple[int, int] | None:
    """Width and height of a PNG, JPEG, GIF or WebP image in base64, with or without ``data:``.

    None for anything else, as a web address or a broken image. Costs no more for a large image.
    """
    begin = data.find(",") + 1 if data.startswith("data:") else 0
    text = data[begin : begin + HEAD_BYTES * 4 // 3]
    try:
        head = base64.b64decode(text[: len(text) // 4 * 4])
        size = _size(head)
    except (binascii.Error, ValueError, struct.error, IndexError):
        return None
    return size if size and min(size) > 0 else None


def _size(head: bytes) -> tuple[int, int] | None:
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head[:6] in (b"GIF87a", b"GIF89a"):
        width, height = struct.unpack("<HH", head[6:10])
        return width, height
    if head[:2] == b"\xff\xd8":
        return _jpeg_size(head)
    return _webp_size(head) if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """From the first segment that starts a frame; the segments before it are stepped over."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        fill = _FILL.match(head, at)
        if fill is None:
            break
        at = fill.end()
        if head[at] in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", head[at + 4 : at + 8])
            return width, height
        at += 1 + int.from_bytes(head[at + 1 : at + 3])
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        low, high, more_low, more_high = struct.unpack("<HBHB", head[24:30])
        return 1 + low + (high << 16), 1 + more_low + (more_high << 16)
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", head[21:25])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
