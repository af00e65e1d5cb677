"""Numbers that may state a length: those near what they may count. Most texts have none."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Flags, Indices
from predictor.features.length_table import TABLE, UNIT, Kind
from predictor.features.tokens import Hashes, Tokens, tokenise

_NUMERAL, _ARTICLE, _MEASURE, _UNIT, _BEFORE = (np.uint8(1 << bit) for bit in range(5))
_GATE_MIX, _GATE_SHIFT = np.uint64(0x9E6C63D0876A9A47), np.uint64(45)
_AFTER_NUMBER, _AFTER_ARTICLE, _BEFORE_NUMBER = 4, 3, 4
"""Tokens between a number and what it counts."""
_AROUND = max(_AFTER_NUMBER, _BEFORE_NUMBER)
_BEFORE_NUMBERS = range(1, _BEFORE_NUMBER + 1)
_GATED = (
    (_NUMERAL, Kind.VALUE | Kind.MULTIPLIER | Kind.FIXED),
    (_ARTICLE, Kind.ARTICLE),
    (_MEASURE, UNIT | Kind.ITEM | Kind.COUNTER | Kind.MINUTE | Kind.FIXED),
    (_UNIT, Kind.WORD_UNIT),
    (_BEFORE, Kind.LISTING | Kind.COUNT | Kind.COUNTING | Kind.WORD_UNIT | Kind.FIXED),
)


def _gate() -> NDArray[np.uint8]:
    """What a token may be by the first bits of its hash: a numeral, what a number counts."""
    gate = np.zeros(1 << 19, dtype=np.uint8)
    for key, entry in TABLE.items():
        slot = _slots(tokenise([key.decode()]).hashes)[0]
        for bit, kinds in _GATED:
            gate[slot] |= bit * bool(entry.kind & kinds)
    return gate


def _slots(hashes: Hashes) -> Indices:
    return ((hashes * _GATE_MIX) >> _GATE_SHIFT).view(np.intp)


_GATE = _gate()


def _having(bits: np.uint8) -> bytes:
    """A class of a regular expression: what tokens may be that have one of these bits."""
    having = [kinds for kinds in range(1 << len(_GATED)) if kinds & int(bits)]
    return b"[%s]" % b"".join(b"\\x%02x" % kinds for kinds in having)


_STATES = re.compile(
    b"%s(?:(?<=%s)(?:(?=.{0,%d}%s)|%s)|(?<=%s)(?=.{0,%d}%s))"
    % (
        _having(_NUMERAL | _ARTICLE),
        _having(_NUMERAL),
        _AFTER_NUMBER - 1,
        _having(_MEASURE),
        b"|".join(b"(?<=%s%s)" % (_having(_BEFORE), b"." * ago) for ago in _BEFORE_NUMBERS),
        _having(_ARTICLE),
        _AFTER_ARTICLE - 1,
        _having(_UNIT),
    ),
    re.DOTALL,
)
"""A number near what it may count, among bytes that say what each token may be.

A numeral matches if one of the four tokens after it may be a measure, or one of the four before it
a word such as "list"; an article if one of the three tokens after it may be a unit of text. The
match is the byte of the number alone. "Write about 300 words" has the bytes 10 00 01 1c (hex):
"300" (01, a numeral) matches, since "words" (1c) has the bit 04 of a measure; "write" (10), before
it, would do too."""


def stating(tokens: Tokens, outer: Flags, digits: Flags) -> list[int]:
    """The tokens, near an end of their text, that are numbers near what they may count.

    ``digits`` (t): whether a token begins with a digit.
    """
    near = outer.nonzero()[0]
    kinds = _GATE.take(_slots(tokens.hashes.take(near)))
    kinds[digits.take(near)] = _NUMERAL
    if len(tokens) == 1:
        return [near.item(found.start()) for found in _STATES.finditer(kinds.tobytes())]
    place = np.arange(len(near)) + _AROUND * tokens.text.take(near)  # texts lie apart
    apart = np.zeros(len(near) + _AROUND * len(tokens), dtype=np.uint8)
    apart[place] = kinds
    found = [found.start() for found in _STATES.finditer(apart.tobytes())]
    return near.take(place.searchsorted(found)).tolist() if found else []
