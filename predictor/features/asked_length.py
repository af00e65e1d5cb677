"""Lengths that a prompt asks for: "in 50 words", "five tips", "reply OK"."""

from __future__ import annotations

from math import nan

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.features.lexicon_table import LEXICON, LexiconMatches
from predictor.features.tokens import Tokens

NAMES = ("asked_tokens", "asked_items", "asked_number", "asked_limit")
LIMIT = NAMES.index("asked_limit")

_REACH = 3  # words between a number and its unit: "three short funny sentences"
_DIGITS = 5  # the most digits of a number; a longer number states no length
_STEPS, _PLACES, _COLUMNS = np.arange(1, _REACH + 1), np.arange(_DIGITS), np.arange(4)[:, None]
_POWERS = np.arange(_DIGITS + 1)[:, None] - 1 - np.arange(_DIGITS)
_WORTH = 10.0**_POWERS * (_POWERS >= 0)
"""The value of a digit, by the number of digits and the digit's place; 0 behind the last digit."""
_BRIEF = 400  # bytes; in a longer text most numbers are not about the answer
_YES_OR_NO = 12.0  # tokens of the answer to a demand for yes or no
_ASSENT = 4.0  # tokens of the answer to a demand for "acknowledged" alone


def asked_lengths(tokens: Tokens, matches: LexiconMatches) -> Array:
    """The features NAMES of n texts, n x len(NAMES), as log(1 + x); NaN where a text asks nothing.

    ``asked_tokens``: tokens of "50 words" or "two lines". ``asked_items``: items of "five tips".
    ``asked_number``: the largest number above 1 (0: none). ``asked_limit``: tokens of a limit on
    the whole answer ("in 50 words", "reply OK").
    """
    words = np.flatnonzero(tokens.word)
    brief = tokens.last - tokens.first <= _BRIEF
    text, entry = tokens.text[words], matches.unigrams[words]
    value = _numbers(tokens, words, LEXICON.number[entry])
    outer = _near_an_end(tokens, text, tokens.starts[words])
    out = np.full((len(tokens), len(NAMES)), nan)
    out[:, 2] = 0.0
    bounding = outer & (LEXICON.bounding[entry] | (LEXICON.limiting[entry] & brief[text]))
    _fill_numbers(out, text, entry, value, bounding)
    demands = np.flatnonzero(LEXICON.yes_or_no[matches.trigrams])
    yes_or_no = tokens.text[demands[brief[tokens.text[demands]]]]
    for rows, limit in ((yes_or_no, _YES_OR_NO), (_assents(text, entry, outer), _ASSENT)):
        out[rows, LIMIT] = np.where(np.isnan(out[rows, LIMIT]), limit, out[rows, LIMIT])
    return np.asarray(np.log1p(out))


def _near_an_end(tokens: Tokens, text: Indices, start: Indices) -> Flags:
    """Whether the byte ``start`` is near the beginning or the end of its text.

    A prompt states a demand at the beginning or the end, around a quoted text.
    """
    return np.asarray(
        (start - tokens.first[text] <= _BRIEF) | (tokens.last[text] - start <= _BRIEF)
    )


def _assents(text: Indices, entry: Indices, outer: Flags) -> Indices:
    """The texts that ask for one word of assent: "limit your response to 'acknowledged'"."""
    words = np.flatnonzero(LEXICON.assent[entry] & outer)
    before = np.maximum(0, words[:, None] - 1 - np.arange(_REACH + 1))
    same_text = text[before] == text[words][:, None]
    demanded = (LEXICON.replying[entry[before]] & same_text).any(axis=1)
    return np.asarray(text[words[demanded]])


def _fill_numbers(out: Array, text: Indices, entry: Indices, value: Array, bounding: Flags) -> None:
    """Write the features of the words that are numbers into the rows of their texts.

    ``value`` is the number of each word (NaN: none); ``bounding`` marks the words that make the
    next number a limit on the answer. Of several numbers in a text the largest counts.
    """
    words = np.flatnonzero(value > 0)
    if not len(words):
        return
    number = value[words]
    unit, item, bound = _units(text, entry, words)
    before, row = np.maximum(words - 1, 0), text[words]
    bound &= (words > 0) & (text[before] == row)
    bound &= bounding[before] & ~LEXICON.article[entry[words]]
    length = number * unit
    kept = np.array([~np.isnan(unit), item, number > 1, bound])
    values = np.array([length, number, number, length])
    np.fmax.at(out.reshape(-1), (row * len(NAMES) + _COLUMNS)[kept], values[kept])


def _numbers(tokens: Tokens, words: Indices, spelt: Array) -> Array:
    """The number that each word names, in digits or else in letters (``spelt``); NaN for none."""
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


def _units(text: Indices, entry: Indices, numbers: Indices) -> tuple[Array, Flags, Flags]:
    """Three arrays for the words ``numbers``: unit, item, measure.

    ``unit``: tokens of the unit that follows the number (NaN: none). ``item``: whether the number
    counts items of a list. ``measure``: whether the next word is a unit of a whole answer.
    """
    near = numbers[:, None] + _STEPS
    same = (near < len(text)) & (text.take(near, mode="clip") == text[numbers][:, None])
    following = np.where(same, entry.take(near, mode="clip"), 0)  # entry 0 is no word
    units = LEXICON.unit[following]
    counted = LEXICON.item[following] | ~np.isnan(units)
    first = (np.arange(len(numbers)), counted.argmax(axis=1))
    unit = units[first]
    return unit, counted[first] & np.isnan(unit), LEXICON.measure[following[:, 0]]
