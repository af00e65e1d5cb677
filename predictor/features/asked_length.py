"""Lengths that a prompt asks for: "in 50 words", "five tips", "800字以内", "reply OK"."""

from __future__ import annotations

from math import isnan, nan

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.features.length_gate import stating
from predictor.features.length_marks import read_marks
from predictor.features.length_table import Kind
from predictor.features.lexicon_table import LEXICON, LexiconMatches
from predictor.features.stated_lengths import Found, Reader, Stated
from predictor.features.tokens import Tokens

NAMES = ("asked_tokens", "asked_items", "asked_number", "asked_limit", "asked_low")
LIMIT = NAMES.index("asked_limit")

MOST = 20_000.0
"""The most tokens that a text can ask for: hardly a model writes more in one answer."""
_LONG_UNIT, _MOST_PARTS = 100.0, 60.0  # tokens of a part, such as a paragraph; parts of an answer
_ASSENT_REACH = 3  # words between "reply" and "OK"
_DIGITS = 5  # the most digits of a number; a longer number states no length
_TEN = np.uint8(10)
_PLACES = np.arange(_DIGITS)
_POWERS = np.arange(_DIGITS + 1)[:, None] - 1 - np.arange(_DIGITS)
_WORTH = 10.0**_POWERS * (_POWERS >= 0)
"""The value of a digit, by the number of digits and the digit's place; 0 behind the last digit."""
_BRIEF = 400  # bytes; in a longer text most numbers are not about the answer
_YES_OR_NO = 12.0  # tokens of the answer to a demand for yes or no
_ASSENT = 4.0  # tokens of the answer to a demand for "acknowledged" alone

_READ_BEFORE, _READ_AFTER = 12, 14
"""Tokens around such a number that are read."""
_SHORT_ANSWER = LEXICON.yes_or_no | LEXICON.assent


def asked_lengths(tokens: Tokens, matches: LexiconMatches) -> Array:
    """The features NAMES of n texts, n x len(NAMES), as log(1 + x); NaN where a text asks nothing.

    ``asked_tokens``: tokens of "50 words" or "two lines". ``asked_items``: items of "five tips".
    ``asked_number``: the largest number above 1 (0: none). ``asked_limit``: tokens of a target or
    a bound for the whole answer ("in 50 words", "at most 800 characters", "reply OK").
    ``asked_low``: tokens of "at least 50 words".
    """
    brief = tokens.last - tokens.first <= _BRIEF
    # A prompt states a demand at the beginning or the end, around a quoted text.
    outer = tokens.near_ends(_BRIEF, _BRIEF)
    digits = tokens.opening - np.uint8(48) < _TEN
    out = np.full((len(tokens), len(NAMES)), nan)
    out[:, 2] = _largest_numbers(tokens, matches, digits.nonzero()[0])
    _fill_stated(out, tokens, _windows(tokens, outer, digits), brief)
    if _SHORT_ANSWER.take(matches.entry).any():  # few texts
        yes_or_no = matches.text[LEXICON.yes_or_no.take(matches.entry)]
        for rows, limit in (
            (yes_or_no[brief[yes_or_no]], _YES_OR_NO),
            (_assents(tokens, matches, outer), _ASSENT),
        ):
            out[rows, LIMIT] = np.where(np.isnan(out[rows, LIMIT]), limit, out[rows, LIMIT])
    return np.asarray(np.log1p(out))


def _windows(tokens: Tokens, outer: Flags, digits: Flags) -> list[list[int]]:
    """Runs of tokens of one text around the numbers that may state lengths."""
    windows: list[list[int]] = []
    offsets, near, text, last = tokens.offsets.tolist(), outer.tobytes(), -1, -1
    for number in stating(tokens, outer, digits):
        own = tokens.text.item(number)
        first = max(offsets[own], number - _READ_BEFORE, last + 1)
        end = min(offsets[own + 1], number + _READ_AFTER + 1)
        for token in range(first, end):
            if near[token]:
                if own != text or token > last + 1:
                    windows.append([])
                windows[-1].append(token)
                text, last = own, token
    return windows


def _read_part(tokens: Tokens, data: bytes, part: list[int], *, brief: bool) -> Found:
    """What a run of tokens states; ``data`` are the bytes of all texts."""
    run = slice(part[0], part[-1] + 1)
    marks = read_marks(data, tokens.starts[run].tolist(), tokens.ends[run].tolist())
    return Reader(marks, brief=brief).read()


def _fill_stated(out: Array, tokens: Tokens, windows: list[list[int]], brief: Flags) -> None:
    """Write what the windows state into the rows of their texts, in place."""
    parts: dict[int, list[Found]] = {}
    data = tokens.data.tobytes() if windows else b""
    for window in windows:
        row = tokens.text.item(window[0])
        parts.setdefault(row, []).append(_read_part(tokens, data, window, brief=bool(brief[row])))
    for row, found in parts.items():
        _fill(out[row], found)


def _fill(row: Array, parts: list[Found]) -> None:
    """Write what the ends of a text state into its row, in place."""
    row[2] = max([row[2], *(part.number for part in parts if part.number > 1)])
    lengths = [length for part in parts for length in part.lengths]
    row[1] = _largest([part.items for part in parts])
    times = max(_parts(part) for part in parts)
    row[0] = _largest(
        [_whole(length, times) for length in lengths if length.bound or length.count == 1]
    )
    row[4] = _largest([length.low for length in lengths])
    row[LIMIT] = _limit(lengths, times)


def _parts(found: Found) -> float:
    """The parts of the answer for which lengths of each part are stated; 1 if not known."""
    whole = [
        length.count
        for length in found.lengths
        if not length.each and length.tokens >= _LONG_UNIT * length.count
    ]
    return min(_MOST_PARTS, max([1.0, *whole, found.items if found.items == found.items else 1.0]))


def _largest(values: list[float]) -> float:
    return min(max((value for value in values if not isnan(value)), default=nan), MOST)


def _whole(length: Stated, times: float) -> float:
    return length.tokens * (times if length.each else 1.0)


def _limit(lengths: list[Stated], times: float) -> float:
    """Tokens of the whole answer: its form, the largest target or bound, whichever is least."""
    whole = [length for length in lengths if not length.each or times > 1]
    found = [
        [_whole(length, times) for length in whole if length.bound == bound]
        for bound in (Kind.TARGET, Kind.UPPER, Kind.FORM)
    ]
    return min(min((max(limits) for limits in found if limits), default=nan), MOST)


def _assents(tokens: Tokens, matches: LexiconMatches, outer: Flags) -> Indices:
    """The texts that ask for one word of assent: "limit your response to 'acknowledged'"."""
    found = matches.first[LEXICON.assent.take(matches.entry)]
    found = found[outer[found]]
    if not len(found):
        return found
    words = tokens.word.nonzero()[0]
    at = words.searchsorted(found)[:, None] - 1 - np.arange(_ASSENT_REACH + 1)
    before = words[np.maximum(0, at)]
    text = tokens.text[found]
    same_text = tokens.text[before] == text[:, None]
    demanded = (LEXICON.replying[matches.unigrams[before]] & same_text).any(axis=1)
    return np.asarray(text[demanded])


def _largest_numbers(tokens: Tokens, matches: LexiconMatches, digits: Indices) -> Array:
    """The largest number above 1 among the words of each text (n); 0 for none.

    ``digits`` are the tokens that begin with a digit.
    """
    out = np.zeros(len(tokens))
    found = [(matches.text, LEXICON.number.take(matches.entry))]
    if len(digits):
        named, value = _numbers(tokens, digits)
        found.append((tokens.text.take(named), value))
    for text, number in found:
        large = (number > 1).nonzero()[0]
        if len(large):
            np.maximum.at(out, text[large], number[large])
    return out


def _numbers(tokens: Tokens, digits: Indices) -> tuple[Indices, Array]:
    """The tokens among ``digits`` that have few digits, and the number of each; NaN for none."""
    starts = tokens.starts.take(digits)
    sizes = tokens.ends.take(digits) - starts
    few = (sizes <= _DIGITS).nonzero()[0]
    starts, sizes = starts.take(few), sizes.take(few)
    digit = tokens.data.take(starts[:, None] + _PLACES, mode="clip") - np.uint8(48)
    worth = _WORTH.take(sizes, axis=0)
    plain = ((digit < _TEN) | (worth == 0)).all(axis=1)
    return digits.take(few), np.where(plain, (digit * worth).sum(axis=1), nan)
