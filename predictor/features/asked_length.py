"""Explicit requests for a length: "in 50 words", "five tips", "reply OK"."""

from __future__ import annotations

from math import nan

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.features.lexicon_table import TABLE, Found
from predictor.features.tokens import Tokens

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
_ASSENT = 4.0  # tokens of one that is told to reply "acknowledged", and no more


def requests(tokens: Tokens, found: Found) -> Array:
    """What each text asks for, n x len(NAMES), as log(1 + x), NaN where it does not.

    The tokens of "50 words" or "two lines"; the items of "five tips"; the largest number (0: none);
    the tokens of a limit on the whole answer ("in 50 words", "reply OK").
    """
    words = np.flatnonzero(tokens.word)
    brief = tokens.last - tokens.first <= _BRIEF
    text, entry = tokens.text[words], found.one[words]
    value = _numbers(tokens, words, TABLE.number[entry])
    outer = _outer(tokens, text, tokens.starts[words])
    out = np.full((len(tokens), len(NAMES)), nan)
    out[:, 2] = 0.0
    bounding = outer & (TABLE.bounding[entry] | (TABLE.limiting[entry] & brief[text]))
    _count(out, text, entry, value, bounding)
    curt = np.flatnonzero(TABLE.curt[found.three])
    curt = curt[brief[tokens.text[curt]]]
    for of, told in ((tokens.text[curt], _CURT), (_assents(text, entry, outer), _ASSENT)):
        out[of, LIMIT] = np.where(np.isnan(out[of, LIMIT]), told, out[of, LIMIT])
    return np.asarray(np.log1p(out))


def _outer(tokens: Tokens, text: Indices, at: Indices) -> Flags:
    """Whether what starts at ``at`` is near the beginning or the end of its text.

    There stands what is demanded of a text that is handed over.
    """
    return np.asarray((at - tokens.first[text] <= _BRIEF) | (tokens.last[text] - at <= _BRIEF))


def _assents(text: Indices, entry: Indices, outer: Flags) -> Indices:
    """The texts that want one word of assent: "limit your response to 'acknowledged'"."""
    at = np.flatnonzero(TABLE.assent[entry] & outer)
    before = np.maximum(0, at[:, None] - 1 - np.arange(_REACH + 1))
    told = (TABLE.saying[entry[before]] & (text[before] == text[at][:, None])).any(axis=1)
    return np.asarray(text[at[told]])


def _count(out: Array, text: Indices, entry: Indices, value: Array, bounding: Flags) -> None:
    """Put what the words that are numbers count into the rows of their texts.

    ``value`` is each word's number (NaN: none), and ``bounding`` marks those that make a number
    behind them a limit on the answer.
    """
    at = np.flatnonzero(value > 0)
    if not len(at):
        return
    number = value[at]
    unit, item, bound = _units(text, entry, at)
    before, of = np.maximum(at - 1, 0), text[at]
    bound &= (at > 0) & (text[before] == of)
    bound &= bounding[before] & ~TABLE.article[entry[at]]
    asked = number * unit
    kept = np.array([~np.isnan(unit), item, number > 1, bound])
    values = np.array([asked, number, number, asked])
    np.fmax.at(out.reshape(-1), (of * len(NAMES) + _COLUMNS)[kept], values[kept])


def _numbers(tokens: Tokens, words: Indices, spelt: Array) -> Array:
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


def _units(text: Indices, entry: Indices, at: Indices) -> tuple[Array, Flags, Flags]:
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
