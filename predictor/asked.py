"""Explicit requests for a length: "in 50 words", "five tips", "answer yes or no"."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import NDArray

from predictor.lookup import TABLE, Found
from predictor.tokens import Index, Tokens

Array = NDArray[np.float64]

NAMES = ("asked_tokens", "asked_items", "asked_number", "asked_limit")
LIMIT = NAMES.index("asked_limit")

_REACH = 3  # words between a number and its unit: "three short funny sentences"
_DIGITS = 5  # a longer number counts no words
_STEPS, _PLACES, _COLUMNS = np.arange(1, _REACH + 1), np.arange(_DIGITS), np.arange(4)[:, None]
_POWERS = np.arange(_DIGITS + 1)[:, None] - 1 - np.arange(_DIGITS)
_WORTH = 10.0**_POWERS * (_POWERS >= 0)
"""What the digit at each place of a number of so many digits is worth; 0: behind its end."""
_BRIEF = 400  # bytes; a longer text mentions lengths of much else than its answer
_CURT = 12.0  # tokens of a model that is told to answer with yes or no


def requests(tokens: Tokens, found: Found) -> Array:
    """What each text asks for, n x len(NAMES), as log(1 + x), NaN where it does not.

    The tokens of "50 words" or "two lines"; the items of "five tips"; the largest number (0: none);
    in a short text the tokens of a limit on the whole answer ("in 50 words").
    """
    words = np.flatnonzero(tokens.word)
    brief = tokens.last - tokens.first <= _BRIEF
    text, entry = tokens.text[words], found.one[words]
    value = _numbers(tokens, words, TABLE.number[entry])
    at = np.flatnonzero(value > 0)
    out = np.full((len(tokens), len(NAMES)), nan)
    out[:, 2] = 0.0
    if len(at):
        _count(out, text, entry, value[at], at)
    out[~brief, LIMIT] = nan
    curt = np.flatnonzero(TABLE.curt[found.three])
    curt = curt[brief[tokens.text[curt]]]
    if len(curt):
        of = np.unique(tokens.text[curt])
        out[of, LIMIT] = np.where(np.isnan(out[of, LIMIT]), _CURT, out[of, LIMIT])
    return np.asarray(np.log1p(out))


def _count(out: Array, text: Index, entry: Index, number: Array, at: Index) -> None:
    """Put what the numbers at the words ``at`` count into the rows of their texts."""
    unit, item, bound = _units(text, entry, at)
    before, of = np.maximum(at - 1, 0), text[at]
    bound &= (at > 0) & (text[before] == of)
    bound &= TABLE.limiting[entry[before]] & ~TABLE.article[entry[at]]
    asked = number * unit
    kept = np.array([~np.isnan(unit), item, number > 1, bound])
    values = np.array([asked, number, number, asked])
    np.fmax.at(out.reshape(-1), (of * len(NAMES) + _COLUMNS)[kept], values[kept])


def _numbers(tokens: Tokens, words: Index, spelt: Array) -> Array:
    """The number that each word is, NaN for none."""
    starts = tokens.starts[words]
    digits = np.flatnonzero(tokens.data[starts] - 48 < 10)
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


def _units(
    text: Index, entry: Index, at: Index
) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
    """For the number at each ``at`` the tokens of its unit, or that it counts items.

    Last, whether the unit stands right behind the number and measures a whole answer.
    """
    there = at[:, None] + _STEPS
    same = (there < len(text)) & (text.take(there, mode="clip") == text[at][:, None])
    behind = np.where(same, entry.take(there, mode="clip"), 0)  # the table's entry 0 is no word
    units = TABLE.unit[behind]
    told = TABLE.item[behind] | ~np.isnan(units)
    first = (np.arange(len(at)), told.argmax(axis=1))
    unit = units[first]
    return unit, told[first] & np.isnan(unit), TABLE.measure[behind[:, 0]]
