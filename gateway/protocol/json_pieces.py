"""Large JSON bodies, read piece by piece: other threads run in between, and the values are counted.

``json.loads`` holds the interpreter until it is done, which for a body of some megabytes stops the
event loop, whichever thread it runs in. Here it reads values within windows of the body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Set
from typing import Any

from gateway.protocol.json_count import WINDOW, count_values

_DEEPEST = 16
"""Levels of values that are larger than a window."""

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*+")

_UNITS = re.compile(r'(?:[^"\\]++|\\u[0-9a-fA-F]{4}|\\[^u])*+')
"""Whole characters and whole escapes of a string."""

_ENDS = {"{": "}", "[": "]", '"': '"'}
"""How a value ends, by its first character."""


class TooManyValuesError(ValueError):
    """A body has more values than it may have."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


Place = tuple[str, int, int]
"""A name of the outermost object, and where its value starts and ends in the body."""


def loads_in_pieces(
    body: bytes, most: int, sought: Set[str] = frozenset()
) -> tuple[Any, list[Place]]:
    """The value of a body in UTF-8, as ``json.loads`` reads it, and the places of ``sought`` names.

    Raises:
        TooManyValuesError: the body has more than ``most`` values.
        ValueError, RecursionError: the body is not JSON, or nested too deeply.
    """
    if (number := count_values(body)) > most:
        raise TooManyValuesError(number)
    reader = _Reader(body, sought)
    value = reader.value(0)
    if reader.next_character():
        raise ValueError(f"Extra data: byte {reader.offset}")
    return value, reader.places


class _Reader:
    """Reads values from a window that moves over the body."""

    def __init__(self, body: bytes, sought: Set[str]) -> None:
        self._body = body
        self._sought = sought
        self.places: list[Place] = []
        self._start = 0
        """Where the window starts in the body, in bytes."""
        self._end = 0
        self._text = ""
        self._at = 0
        """The next character of the window."""
        self._known = 0, 0
        """A character of the window before ``_at``, and its place in the body."""
        self._tried = -1
        """Start of the window in which many values were tried at once."""

    @property
    def offset(self) -> int:
        """The place in the body, in bytes."""
        at, place = self._known
        place += len(self._text[at : self._at].encode("utf-8", "surrogatepass"))
        self._known = self._at, place
        return place

    @property
    def _last(self) -> bool:
        return self._end >= len(self._body)

    def _move(self) -> None:
        """Move the window so that it starts at the next character."""
        self._start = self.offset
        end = min(self._start + WINDOW, len(self._body))
        while end < len(self._body) and end > self._start and self._body[end] & 0xC0 == 0x80:
            end -= 1  # no character is cut
        self._text = self._body[self._start : end].decode("utf-8", "surrogatepass")
        self._end, self._at, self._known = end, 0, (0, self._start)

    def next_character(self) -> str:
        """The next character that is no white space, without taking it; "" at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._last:
                return ""
            self._move()

    def value(self, depth: int) -> Any:
        """Take a value; ``depth`` is the number of large values around it."""
        character = self.next_character()
        if depth == 0 and character == "{":  # member by member, even if a window holds it whole
            return self._members(1)
        for fresh in (False, True):
            if fresh:
                if self._at == 0:
                    break
                self._move()
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError as error:
                # Of a number with too many digits more text tells nothing else.
                if self._last or not isinstance(error, json.JSONDecodeError):
                    raise
                continue
            if end + 2 < len(self._text) or self._last:  # 1e- may go on behind the window
                self._at = end
                return value
        if depth >= _DEEPEST:
            raise RecursionError("the body is nested too deeply")
        if character == "[":
            return self._elements(depth + 1)
        if character == "{":
            return self._members(depth + 1)
        if character == '"':
            return self._string()
        raise ValueError(f"Expecting value: byte {self.offset}")

    def _elements(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        if self.next_character() == "]":
            self._at += 1
            return found
        while True:
            found += self._many(_ENDS.get(self.next_character(), ""), "[]") or ()
            found.append(self.value(depth))
            if self._ended("]"):
                return found

    def _members(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        if self.next_character() == "}":
            self._at += 1
            return found
        while True:
            found.update(self._many("", "{}", self._sought if depth == 1 else ()) or {})
            if self.next_character() != '"':
                raise ValueError(f"Expecting property name in double quotes: byte {self.offset}")
            name = self.value(depth)
            self._take(":")
            found[name] = self._marked(name) if depth == 1 else self.value(depth)
            if self._ended("}"):
                return found

    def _marked(self, name: str) -> Any:
        """Take the value of an outermost name, and note its place if that is sought."""
        if name not in self._sought:
            return self.value(1)
        self.next_character()
        start = self.offset
        value = self.value(1)
        self.places.append((name, start, self.offset))
        return value

    def _many(self, end: str, brackets: str, apart: Collection[str] = ()) -> Any:
        """Take the elements or members up to the last in the window that has this end and a comma.

        Fast where these are small. Tried once in a window; None where it does not succeed, or where
        the members have a name that is to be read ``apart``.
        """
        if self._tried == self._start:
            return None
        self._tried = self._start
        last = self._text.rfind(f"{end},", self._at) + len(end)
        if last <= self._at:
            return None
        try:
            many = json.loads(brackets[0] + self._text[self._at : last] + brackets[1])
        except ValueError:
            return None
        if not many or any(name in many for name in apart):
            return None
        self._at = last + 1
        return many

    def _ended(self, closing: str) -> bool:
        """Take a comma (false) or the end of the container (true)."""
        if self.next_character() == closing:
            self._at += 1
            return True
        self._take(",")
        return False

    def _take(self, wanted: str) -> None:
        if self.next_character() != wanted:
            raise ValueError(f"Expecting {wanted!r}: byte {self.offset}")
        self._at += 1

    def _string(self) -> str:
        """Take a string that is longer than a window."""
        self._at += 1
        parts: list[str] = []
        while True:
            self._move()
            found = _UNITS.match(self._text)
            end = found.end() if found else 0
            closed = self._text[end : end + 1] == '"'
            if not closed and (end == 0 or self._last):
                raise ValueError(f"Unterminated string or invalid escape: byte {self.offset}")
            part = json.loads(f'"{self._text[:end]}"')
            cut = parts and "\ud800" <= parts[-1][-1:] <= "\udbff" and self._text[0] == "\\"
            if cut:  # a pair of escapes
                pair = (parts[-1][-1] + part[:1]).encode("utf-16-le", "surrogatepass")
                parts[-1] = parts[-1][:-1]
                part = pair.decode("utf-16-le", "surrogatepass") + part[1:]
            parts.append(part)
            self._at = end
            if closed:
                self._at += 1
                return "".join(parts)
