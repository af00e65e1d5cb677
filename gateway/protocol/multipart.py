"""Multipart bodies: the fields of a form that the gateway reads, or sets, in one pass each."""

from __future__ import annotations

import codecs
import logging
import re
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


_SAFE_CHARSETS = frozenset(("utf-8", "ascii", "iso8859-1"))
"""Charsets in which ASCII is ASCII: in others a server may read a name that the gateway does not.
"""

_EXTENDED_NAME = re.compile(rb";[ \t]*name\*", re.IGNORECASE)
"""A name in RFC 2231's syntax, which RFC 7578 forbids. Old servers decode it, new ones do not."""


class TooManyPartsError(Exception):
    """A form has more than ``MOST_PARTS`` parts."""


class AmbiguousFormError(Exception):
    """Servers differ in what they read in a form; the message says why."""


def is_form(content_type: str) -> bool:
    """Whether servers read a body of this ``Content-Type`` as a form."""
    return content_type.partition(";")[0].strip(" \t").lower() == "multipart/form-data"


def form_field(content_type: str, body: bytes, name: str) -> str | None:
    """The last value of a form's field, as vLLM's server reads it; None without one.

    None also for a body that is no form: what is wrong with it, the worker says.

    Raises:
        TooManyPartsError: the form has more parts than are read.
        AmbiguousFormError: servers differ in what they read.
    """
    boundary = _boundary(content_type)
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
    boundary = _boundary(content_type)
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


def _boundary(content_type: str) -> bytes:
    """The boundary of a form, b"" without one.

    Raises:
        AmbiguousFormError: servers differ in what they read.
    """
    if len(content_type) > _LONGEST:
        raise AmbiguousFormError(f"its Content-Type has more than {_LONGEST} characters")
    _, options = parse_options_header(content_type)
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    try:
        safe = codecs.lookup(charset).name in _SAFE_CHARSETS
    except (LookupError, ValueError):  # read as ISO 8859-1
        safe = True
    if not safe:
        raise AmbiguousFormError(f"its charset is {charset[:40]!r}")
    return options.get(b"boundary") or b""


def _names(headers: bytes, name: bytes) -> bool:
    """Whether the headers of a part name the field. The last one counts, as for servers."""
    disposition = b""
    for line in headers.split(b"\r\n"):
        if line[:20].lower() == b"content-disposition:":
            disposition = line[20:]
    _, options = parse_options_header(disposition.decode("latin-1"))
    return options.get(b"name") == name


class _FieldReader:
    """Collects the value of one field."""

    def __init__(self, name: bytes) -> None:
        self.value: bytes | None = None
        self._name = name
        self._parts = 0
        self._header, self._value, self._content = bytearray(), bytearray(), bytearray()
        self._disposition = b""
        self._wanted = False

    def callbacks(self) -> MultipartCallbacks:
        """What the parser calls, by its names."""
        return {
            "on_part_begin": self._begin,
            "on_header_begin": self._header_begin,
            "on_header_field": self._header_data,
            "on_header_value": self._value_data,
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

    def _header_begin(self) -> None:
        self._header.clear()
        self._value.clear()

    def _header_data(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _value_data(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        """Keep the last header that names the field."""
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)

    def _headers_end(self) -> None:
        if b"*" in self._disposition and _EXTENDED_NAME.search(self._disposition):
            raise AmbiguousFormError("a part has its name as name*=")
        if self._name in self._disposition:
            _, options = parse_options_header(self._disposition.decode("latin-1"))
            self._wanted = options.get(b"name") == self._name

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self._content += data[start : min(end, start + _LONGEST - len(self._content))]

    def _end(self) -> None:
        if self._wanted:
            self.value = bytes(self._content)
