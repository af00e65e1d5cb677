"""JSON bodies: read as vLLM reads them, and changed without touching what stays."""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from gateway.protocol.json_count import WINDOW
from gateway.protocol.json_pieces import Place

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def as_utf8(body: bytes) -> bytes:
    """A body as UTF-8 without a byte order mark; one that is not Unicode is as it was.

    vLLM takes UTF-16 and UTF-32 too, and a mark, which PowerShell and editors on Windows write.
    """
    encoding = json.detect_encoding(body)
    if encoding == "utf-8":
        return body
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")  # as json.loads reads it
    starts = range(0, len(body), WINDOW)  # a large body in pieces: other threads run in between
    try:
        parts = [_utf8(decoder.decode(body[start : start + WINDOW])) for start in starts]
        return b"".join((*parts, _utf8(decoder.decode(b"", final=True))))
    except UnicodeError:
        return body


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def loads(body: bytes) -> Any:
    """The value of a body in UTF-8.

    Raises:
        ValueError, RecursionError: the body is not JSON, or nested too deeply.
    """
    return json.loads(body.decode("utf-8", "surrogatepass"))


def too_complex(error: ValueError | RecursionError) -> str | None:
    """What a body that ``loads`` refused has too much of, and the remedy; None: it is not JSON.

    What Python says of these is meant for its programmers.
    """
    if isinstance(error, RecursionError):
        return "The body is nested too deeply; nest its lists and objects less deeply"
    if not isinstance(error, json.JSONDecodeError | UnicodeError) and "digits" in str(error):
        most = sys.get_int_max_str_digits()
        return f"The body has a number of more than {most} digits; give a smaller one"
    return None


def with_fields(
    body: bytes,
    given: Container[str],
    wanted: Mapping[str, Any],
    places: Sequence[Place] | None = None,
) -> bytes:
    """A JSON object's text with the fields ``wanted``; it has the names ``given``, at least one.

    ``places`` are those of the ``wanted`` names that the object has, None where they are not known.
    All other bytes stay, numbers and double names among them: text that is encoded anew would have
    ``Infinity`` for 1e400. Absent fields go to the front, so a large body is copied only once.
    """
    new = {name: value for name, value in wanted.items() if name not in given}
    if len(new) < len(wanted):
        if places is None:
            body = _replaced(body.decode("utf-8", "surrogatepass"), wanted)
        else:
            body = _spliced(body, wanted, places)
    if not new:
        return body
    start = body.index(b"{") + 1
    return b"".join((b"{", json.dumps(new).encode()[1:-1], b", ", memoryview(body)[start:]))


def _replaced(text: str, values: Mapping[str, Any]) -> bytes:
    """The object's text with other values for the names of ``values`` that it has."""
    parts, done = [], 0
    for name, start, end in _members(text):
        if name in values:
            parts += [text[done:start], json.dumps(values[name])]
            done = end
    return _utf8("".join((*parts, text[done:])))


def _spliced(body: bytes, values: Mapping[str, Any], places: Sequence[Place]) -> bytes:
    """The object's text with other values at these places."""
    parts: list[bytes | memoryview] = []
    done, view = 0, memoryview(body)
    for name, start, end in places:
        if name in values:
            parts += [view[done:start], json.dumps(values[name]).encode()]
            done = end
    return b"".join((*parts, view[done:]))


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """The name of each member of a JSON object, and where its value starts and ends."""
    at = text.index("{")
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, _past_space(text, at + 1))
        start = _past_space(text, text.index(":", at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield name, start, end
        at = _past_space(text, end)


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
