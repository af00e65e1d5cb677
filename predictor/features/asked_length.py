"""Lengths that a prompt asks for: "in 50 words", "five tips", "800字以内", "reply OK"."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices
from predictor.features.length_marks import read_marks
from predictor.features.length_table import TABLE, UNIT, Kind
from predictor.features.lexicon_table import LEXICON, LexiconMatches
from predictor.features.stated_lengths import Found, Reader, Stated, parts_of
from predictor.features.tokens import Hashes, Tokens, tokenise

NAMES = ("asked_tokens", "asked_items", "asked_number", "asked_limit", "asked_low")
LIMIT = NAMES.index("asked_limit")

_ASSENT_REACH = 3  # words between "reply" and "OK"
_DIGITS = 5  # the most digits of a number; a longer number states no length
_PLACES = np.arange(_DIGITS)
_POWERS = np.arange(_DIGITS + 1)[:, None] - 1 - np.arange(_DIGITS)
_WORTH = 10.0**_POWERS * (_POWERS >= 0)
"""The value of a digit, by the number of digits and the digit's place; 0 behind the last digit."""
_BRIEF = 400  # bytes; in a longer text most numbers are not about the answer
_YES_OR_NO = 12.0  # tokens of the answer to a demand for yes or no
_ASSENT = 4.0  # tokens of the answer to a demand for "acknowledged" alone

_NUMERAL, _ARTICLE, _MEASURE, _UNIT, _BEFORE = (np.uint8(1 << bit) for bit in range(5))
_GATE_MIX, _GATE_SHIFT = np.uint64(0x9E6C63D0876A9A47), np.uint64(45)
_AFTER_NUMBER, _AFTER_ARTICLE, _BEFORE_NUMBER = 4, 3, 4
"""Tokens between a number and what it counts."""
_READ_BEFORE, _READ_AFTER = 12, 14
"""Tokens around such a number that are read."""
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


def _slots(hashes: Hashes) -> Hashes:
    return (hashes * _GATE_MIX) >> _GATE_SHIFT


_GATE = _gate()


def asked_lengths(tokens: Tokens, matches: LexiconMatches) -> Array:
    """The features NAMES of n texts, n x len(NAMES), as log(1 + x); NaN where a text asks nothing.

    ``asked_tokens``: tokens of "50 words" or "two lines". ``asked_items``: items of "five tips".
    ``asked_number``: the largest number above 1 (0: none). ``asked_limit``: tokens of a target or
    a bound for the whole answer ("in 50 words", "at most 800 characters", "reply OK").
    ``asked_low``: tokens of "at least 50 words".
    """
    words = tokens.word.nonzero()[0]
    brief = tokens.last - tokens.first <= _BRIEF
    text, entry = tokens.text[words], matches.unigrams[words]
    outer = _near_an_end(tokens)
    out = np.full((len(tokens), len(NAMES)), nan)
    out[:, 2] = _largest_numbers(tokens, words, LEXICON.number[entry])
    _fill_stated(out, tokens, _windows(tokens, outer), brief)
    demands = LEXICON.yes_or_no[matches.trigrams].nonzero()[0]
    yes_or_no = tokens.text[demands[brief[tokens.text[demands]]]]
    for rows, limit in ((yes_or_no, _YES_OR_NO), (_assents(text, entry, outer[words]), _ASSENT)):
        out[rows, LIMIT] = np.where(np.isnan(out[rows, LIMIT]), limit, out[rows, LIMIT])
    return np.asarray(np.log1p(out))


def _near_an_end(tokens: Tokens) -> Flags:
    """Whether each token is near the beginning or the end of its text.

    A prompt states a demand at the beginning or the end, around a quoted text.
    """
    before = tokens.starts - tokens.first[tokens.text]
    behind = tokens.last[tokens.text] - tokens.starts
    return np.asarray((before <= _BRIEF) | (behind <= _BRIEF))


def _stating(tokens: Tokens, outer: Flags) -> Indices:
    """The tokens, near an end of their text, that are numbers near what they may count."""
    near = outer.nonzero()[0]
    kinds = _GATE[_slots(tokens.hashes[near])]
    kinds[tokens.data[tokens.starts[near]] - np.uint8(48) < 10] = _NUMERAL
    stated, text = np.zeros(len(near), dtype=bool), tokens.text[near]
    for step in range(1, _AFTER_NUMBER + 1):
        pairs = (kinds[:-step] & _NUMERAL > 0) & (kinds[step:] & _MEASURE > 0)
        if step <= _AFTER_ARTICLE:
            pairs |= (kinds[:-step] & _ARTICLE > 0) & (kinds[step:] & _UNIT > 0)
        stated[:-step] |= pairs & (text[:-step] == text[step:])
    for step in range(1, _BEFORE_NUMBER + 1):
        pairs = (kinds[step:] & _NUMERAL > 0) & (kinds[:-step] & _BEFORE > 0)
        stated[step:] |= pairs & (text[:-step] == text[step:])
    return np.asarray(near[stated])


def _windows(tokens: Tokens, outer: Flags) -> list[Indices]:
    """Runs of tokens of one text around the numbers that may state lengths."""
    stated = _stating(tokens, outer)
    read = np.zeros(len(outer), dtype=bool)
    around = stated[:, None] + np.arange(-_READ_BEFORE, _READ_AFTER + 1)
    inside = (around >= 0) & (around < len(outer))
    own = tokens.text.take(around, mode="clip") == tokens.text[stated][:, None]
    read[around[inside & own]] = True
    kept = (read & outer).nonzero()[0]
    edges = (np.diff(kept) > 1) | (np.diff(tokens.text[kept]) > 0)
    return np.split(kept, edges.nonzero()[0] + 1) if len(kept) else []


def _read_part(tokens: Tokens, part: Indices, *, brief: bool) -> Found:
    starts, ends = tokens.starts[part], tokens.ends[part]
    data = tokens.data[starts[0] : ends[-1]].tobytes()
    marks = read_marks(data, (starts - starts[0]).tolist(), (ends - starts[0]).tolist())
    return Reader(marks, brief=brief).read()


def _fill_stated(out: Array, tokens: Tokens, windows: list[Indices], brief: Flags) -> None:
    """Write what the windows state into the rows of their texts, in place."""
    parts: dict[int, list[Found]] = {}
    for window in windows:
        row = int(tokens.text[window[0]])
        parts.setdefault(row, []).append(_read_part(tokens, window, brief=bool(brief[row])))
    for row, found in parts.items():
        _fill(out[row], found)


def _fill(row: Array, parts: list[Found]) -> None:
    """Write what the ends of a text state into its row, in place."""
    row[2] = max([row[2], *(part.number for part in parts if part.number > 1)])
    lengths = [length for part in parts for length in part.lengths]
    row[1] = _largest([part.items for part in parts])
    times = max(parts_of(part) for part in parts)
    row[0] = _largest(
        [_whole(length, times) for length in lengths if length.bound or length.count == 1]
    )
    row[4] = _largest([length.low for length in lengths])
    row[LIMIT] = _limit(lengths, times)


def _largest(values: list[float]) -> float:
    return max((value for value in values if not isnan(value)), default=nan)


def _whole(length: Stated, times: float) -> float:
    return length.tokens * (times if length.each else 1.0)


def _limit(lengths: list[Stated], times: float) -> float:
    """Tokens of the whole answer: the largest target, or the upper bound where that is less."""
    whole = [length for length in lengths if not length.each or times > 1]
    targets = [_whole(length, times) for length in whole if length.bound == Kind.TARGET]
    uppers = [_whole(length, times) for length in whole if length.bound == Kind.UPPER]
    limits = [max(found) for found in (targets, uppers) if found]
    return min(limits, default=nan)


def _assents(text: Indices, entry: Indices, outer: Flags) -> Indices:
    """The texts that ask for one word of assent: "limit your response to 'acknowledged'"."""
    words = (LEXICON.assent[entry] & outer).nonzero()[0]
    before = np.maximum(0, words[:, None] - 1 - np.arange(_ASSENT_REACH + 1))
    same_text = text[before] == text[words][:, None]
    demanded = (LEXICON.replying[entry[before]] & same_text).any(axis=1)
    return np.asarray(text[words[demanded]])


def _largest_numbers(tokens: Tokens, words: Indices, spelt: Array) -> Array:
    """The largest number above 1 among the words of each text (n); 0 for none."""
    value = _numbers(tokens, words, spelt)
    large = (value > 1).nonzero()[0]
    out = np.zeros(len(tokens))
    np.maximum.at(out, tokens.text[words[large]], value[large])
    return out


def _numbers(tokens: Tokens, words: Indices, spelt: Array) -> Array:
    """The number that each word names, in digits or else in letters (``spelt``); NaN for none."""
    starts = tokens.starts[words]
    digits = (tokens.data[starts] - 48 < 10).nonzero()[0]
    starts = starts[digits]
    sizes = tokens.ends[words[digits]] - starts
    few = sizes <= _DIGITS
    if not few.any():
        return spelt
    digits, starts, sizes = digits[few], starts[few], sizes[few]
    digit = tokens.data.take(starts[:, None] + _PLACES, mode="clip") - 48
    worth = _WORTH[sizes]
    out = spelt.copy()
    out[digits] = np.where(np.all((digit < 10) | (worth == 0), axis=1), (digit * worth).sum(1), nan)
    return out
