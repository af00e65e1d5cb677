"""Multipart bodies: the fields of a form that the gateway reads, or sets, in one pass each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARTS = 2_000
"""Parts of a form that are read. vLLM's server takes 1,000 fields and 1,000 files."""

MOST_HEADERS, MOST_HEADER_BYTES = 16, 8_192
"""Headers of a part, and bytes of each."""

_LONGEST = 4_096
"""Bytes of a field's value that are kept, and characters of a ``Content-Type`` that are read."""

_PIECE = 65_536
"""Bytes given to the parser at a time, after which other threads may run."""

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of every broken body


class TooManyPartsError(Exception):
    """A form has more than ``MOST_PARTS`` parts."""


def form_field(content_type: str, body: bytes, name: str) -> str | None:
    """The last value of a form's field, as vLLM's server reads it; None without one.

    None also for a body that is no form: what is wrong with it, the worker says.

    Raises:
        TooManyPartsError: the form has more parts than are read.
    """
    _, options = parse_options_header(content_type[:_LONGEST])
    boundary = options.get(b"boundary")
    if not boundary:
        return None
    pieces = [body[start : start + _PIECE] for start in range(0, len(body), _PIECE)]
    # The parser reads what looks like a boundary byte by byte.
    if sum(piece.count(b"--" + boundary) for piece in pieces) > MOST_PARTS + 1:
        raise TooManyPartsError
    reader = _FieldReader(name.encode())
    try:
        parser = MultipartParser(
            boundary,
            reader.callbacks(),
            max_header_count=MOST_HEADERS,
            max_header_size=MOST_HEADER_BYTES,
        )
        for piece in pieces:
            parser.write(piece)
    except FormParserError:
        return None
    return None if reader.value is None else reader.value.decode(errors="replace")


def with_form_field(content_type: str, body: bytes, name: str, value: str) -> bytes:
    """A form with another value for a field that it has; all other bytes stay.

    Each part of the name gets the value: servers differ in which of several they read.
    """
    _, options = parse_options_header(content_type[:_LONGEST])
    boundary = options.get(b"boundary") or b""
    pieces: list[bytes | memoryview] = []
    done, view = 0, memoryview(body)
    for start, end in _parts(body, b"--" + boundary):
        head = body.find(b"\r\n\r\n", start, start + MOST_HEADERS * MOST_HEADER_BYTES)
        if 0 <= head < end and _names(body[start:head], name.encode()):
            pieces += [view[done : head + 4], value.encode()]
            done = end
    return b"".join((*pieces, view[done:]))


def _parts(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Where each part of a form starts, with its headers, and ends, with its content."""
    start = body.find(delimiter)
    while start >= 0:
        end = body.find(b"\r\n" + delimiter, start + len(delimiter))
        if end < 0:
            return
        yield start + len(delimiter), end
        start = end + 2


def _names(headers: bytes, name: bytes) -> bool:
    """Whether the headers of a part name the field."""
    for line in headers.split(b"\r\n"):
        if line[:20].lower() == b"content-disposition:":
            _, options = parse_options_header(line[20:].decode("latin-1"))
            return options.get(b"name") == name
    return False


class _FieldReader:
    """Collects the value of one field."""

    def __init__(self, name: bytes) -> None:
        self.value: bytes | None = None
        self._name = name
        self._parts = 0
        self._header, self._content = bytearray(), bytearray()
        self._disposition = b""
        self._wanted = False

    def callbacks(self) -> MultipartCallbacks:
        """What the parser calls, by its names."""
        return {
            "on_part_begin": self._begin,
            "on_header_begin": self._header.clear,
            "on_header_field": self._header_data,
            "on_header_value": self._header_data,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise TooManyPartsError
        self._disposition, self._wanted = b"", False
        self._content.clear()

    def _header_data(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_end(self) -> None:
        """Keep the header that names the field; its name and value stand without the colon."""
        if self._header[:19].lower() == b"content-disposition":
            self._disposition = bytes(self._header[19:])

    def _headers_end(self) -> None:
        if self._name in self._disposition:
            _, options = parse_options_header(self._disposition.decode("latin-1"))
            self._wanted = options.get(b"name") == self._name

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self._content += data[start : min(end, start + _LONGEST - len(self._content))]

    def _end(self) -> None:
        if self._wanted:
            self.value = bytes(self._content)
