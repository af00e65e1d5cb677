"""Marks of stated lengths: the numbers, units, bounds and verbs of one text, in order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from predictor.features.length_table import MARKS, NUMERAL, TABLE, Kind, Mark, mark_of

_DIGITS = re.compile(rb"\d{1,3}(?:[,. ]\d{3})+(?!\d)|\d+(?:\.\d+)?")
_THOUSANDS = re.compile(rb"(\d+)k")
_MOST_DIGITS = 7
_DIGIT_BYTES = frozenset(b"0123456789")

_NUMERIC = NUMERAL | Kind.NUMBER

_OTHER = Mark(0)
_SIMPLE_BYTES = frozenset(range(128)) - _DIGIT_BYTES
_LONGER = frozenset(word for word, entry in TABLE.items() if entry.longest > 1)
"""The first words of phrases."""
_SINGLE = {
    word: MARKS.get(word, _OTHER)
    for word in TABLE
    if word[0] in _SIMPLE_BYTES and word not in _LONGER
}
"""The marks of all other words of the table that begin in ASCII."""


def read_marks(data: bytes, starts: Sequence[int], ends: Sequence[int]) -> list[Mark]:
    """The marks of a run of tokens of a text in lower case, each ``data[start:end]``."""
    marks: list[Mark] = []
    parts = [data[a:b] for a, b in zip(starts, ends, strict=True)]
    at = 0
    while at < len(parts):
        word = parts[at]
        mark = _SINGLE.get(word)
        if mark is None and word[0] in _SIMPLE_BYTES and word not in _LONGER:
            mark = _OTHER
        if mark is not None:
            marks.append(mark)
            at += 1
            continue
        digits = word[0] in _DIGIT_BYTES and _digits(data, starts, ends, at)
        mark, taken = digits or _word(parts, at)
        marks.append(mark)
        at += taken
    return _join_numbers(marks)


def _digits(
    data: bytes, starts: Sequence[int], ends: Sequence[int], at: int
) -> tuple[Mark, int] | None:
    """The number in digits at token ``at``, and its tokens; None for none."""
    found = _DIGITS.match(data, starts[at], ends[-1])
    if found is None:
        return None
    for last in range(at, min(at + 8, len(ends))):
        if ends[last] == found.end():
            return _number(found[0]), last - at + 1
    thousands = _THOUSANDS.fullmatch(data, starts[at], ends[at])
    return (_number(thousands[1] + b"000"), 1) if thousands else None


def _number(written: bytes) -> Mark:
    plain = re.sub(rb"[,. ](?=\d{3})", b"", written)
    known = len(plain) <= _MOST_DIGITS
    return Mark(Kind.NUMBER if known else 0, float(plain) if known else 0.0, digits=True)


def _word(parts: Sequence[bytes], at: int) -> tuple[Mark, int]:
    """The mark of the longest phrase at token ``at``, or of one word, and its tokens."""
    word = parts[at]
    first = TABLE.get(word)
    if first is None:
        return _OTHER if word[0] < 128 else mark_of(word), 1
    for size in range(min(first.longest, len(parts) - at), 1, -1):
        found = MARKS.get(b" ".join(parts[at : at + size]))
        if found:
            return found, size
    return MARKS.get(word) or mark_of(word), 1


def _join_numbers(marks: list[Mark]) -> list[Mark]:
    """The marks with the words of each number as one mark of the kind NUMBER."""
    out: list[Mark] = []
    done = 0
    for at in [at for at, mark in enumerate(marks) if mark.kind & _NUMERIC]:
        if at < done:
            continue
        value, end = _compose(marks, at)
        if end > at:
            first, kept = marks[at], marks[at].kind if end == at + 1 else 0
            kind = kept | Kind.NUMBER
            joined = Mark(kind, value, first.unit, first.eastern, first.alone, first.digits)
            out += [*marks[done:at], joined]
            done = end
    return out + marks[done:]


class _Sum:
    """The value of the words of a number, read from left to right."""

    def __init__(self) -> None:
        self.whole = self.section = self.low = 0.0
        self.words = self.multipliers = 0

    def fits(self, mark: Mark) -> bool:
        if mark.kind & Kind.MULTIPLIER:
            return bool(self.words) or mark.value < 10_000 or not mark.alone
        if mark.kind & Kind.ARTICLE:
            return not self.words
        if mark.kind & Kind.NUMBER:
            return not self.words or (not self.low and mark.value < 10)
        return bool(self.low % 10 ** len(str(int(mark.value))) == 0)

    def add(self, mark: Mark) -> None:
        self.words += 1
        if not mark.kind & Kind.MULTIPLIER:
            self.low += mark.value
            return
        self.multipliers += 1
        if mark.value >= 1000:
            self.whole += max(self.section + self.low, 1) * mark.value
            self.section = 0.0
        else:
            self.section += max(self.low, 1) * mark.value
        self.low = 0.0

    def value(self) -> float:
        return self.whole + self.section + self.low


def _compose(marks: Sequence[Mark], start: int) -> tuple[float, int]:
    """The number that starts at the mark ``start`` and its end; ``start`` for no number."""
    total, at, end = _Sum(), start, start
    while at < len(marks):
        mark = marks[at]
        if mark.kind & _NUMERIC and total.fits(mark):
            if mark.kind & Kind.VALUE and marks[at - 1].kind & Kind.ARTICLE and at > start:
                total = _Sum()
            total.add(mark)
            end = at + 1
        elif not (mark.kind & Kind.AND and end == at > start and _goes_on(total, marks, at)):
            break
        at += 1
    sino = end == start + 1 and marks[start].kind & NUMERAL == Kind.SINO
    return (0.0, start) if sino else (total.value(), end)


def _goes_on(total: _Sum, marks: Sequence[Mark], at: int) -> bool:
    """Whether a word for "and" may join two parts of a number: "twenty-five", "two-thousand"."""
    following = marks[at + 1].kind if at + 1 < len(marks) else 0
    return bool(following & Kind.MULTIPLIER or (following & Kind.VALUE and total.value() >= 20))
