"""Hand-made features of a prompt's text: lines, symbols, endings, openers and word groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices
from predictor.features.lexicon import GROUPS
from predictor.features.lexicon_table import LEXICON, LexiconMatches
from predictor.features.tokens import NEWLINE, Tokens

_COUNTED = "?!.,:;\"'`()[]{}<>=+-*/\\_|#$%&@^~"
_COUNTED_BYTES = np.frombuffer(_COUNTED.encode(), dtype=np.uint8)
_MISSING = -2.0  # the code of a missing opener
_WIDTH = len(GROUPS) + 1
_NOTHING, _NO_TOKENS = np.zeros(1, dtype=np.intp), np.zeros(2, dtype=np.intp)


def _among(symbols: str) -> Flags:
    return np.isin(np.arange(256), list(symbols.encode()))


_ENDS_SENTENCE, _GAP, _BLANK = _among(".?!"), _among(" \t\r\n\0"), _among(" \t")
_BULLET, _STOP, _LETTER = _among("-*"), _among(".)"), _among("abcdefgh")
_DIGIT, _UPPER = _among("0123456789"), _among("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_KINDS = np.array([_UPPER, _DIGIT, np.arange(256) >= 128], dtype=np.float64).T
_FINAL = np.array([_among("?"), _among(":"), _among("."), _among("`>")])

_BOTH_GROUPS = np.array([LEXICON.group, LEXICON.second_group], dtype=np.intp).T.copy()

_SHAPE = (
    "log_chars log_words word_len unique_words upper digits non_ascii log_lines max_line "
    "first_line last_line last_paragraph blank_lines indented bullets numbered options "
    "log_sentences ends_question ends_colon ends_stop ends_code starts_upper last_question "
    "opener second_opener last_opener"
)
_LOGGED = (
    "log_chars log_words log_lines max_line first_line last_line last_paragraph blank_lines "
    "bullets numbered options log_sentences"
)

NAMES: tuple[str, ...] = (
    *_SHAPE.split(),
    *(f"count {symbol}" for symbol in _COUNTED),
    *(f"group {group}" for group in GROUPS),
)
_LOGS = np.array([name in _LOGGED.split() or name.startswith("count ") for name in NAMES])
"""Columns that hold log(1 + x)."""


def surface_features(
    tokens: Tokens, matches: LexiconMatches, *, counts: Indices, chars: Indices, distinct: Indices
) -> Array:
    """The features of n texts, n x len(NAMES).

    ``counts`` (n x 256) are the texts' ``byte_counts``, ``chars`` (n) the characters of the texts
    before clipping, ``distinct`` (n) the numbers of different words.
    """
    size = np.maximum(1, tokens.last - tokens.first)
    words, paragraph = tokens.word.nonzero()[0], _last_paragraphs(tokens)
    offsets = words.searchsorted(tokens.offsets)
    some = np.maximum(1, offsets[1:] - offsets[:-1])
    shape = [
        np.maximum(chars, tokens.last - tokens.first),
        offsets[1:] - offsets[:-1],
        _letters(tokens, words, offsets) / some,
        distinct / some,
        *((counts @ _KINDS).T / size),
        *_lines(tokens, paragraph),
        *_ends(tokens, size),
        *_openers(tokens, words, offsets, matches.unigrams, paragraph),
    ]
    out = np.empty((len(tokens), len(NAMES)))
    split = len(_SHAPE.split())
    out[:, :split] = np.concatenate(shape).reshape(split, -1).T
    out[:, split : split + len(_COUNTED)] = counts.take(_COUNTED_BYTES, axis=1)
    np.log1p(out, out=out, where=_LOGS)
    out[:, split + len(_COUNTED) :] = groups(tokens, matches)
    return out


def _letters(tokens: Tokens, words: Indices, offsets: Indices) -> Indices:
    """The bytes of the words of each text (n); ``offsets`` (n + 1) are the texts' first words."""
    sums = np.zeros(len(words) + 1, dtype=np.intp)
    (tokens.ends.take(words) - tokens.starts.take(words)).cumsum(out=sums[1:])
    return sums.take(offsets[1:]) - sums.take(offsets[:-1])


def _lines(tokens: Tokens, paragraph: Indices) -> list[Array]:
    """Features of the lines of each text, read from the first bytes of each line."""
    breaks = tokens.data == NEWLINE
    breaks[tokens.last] = True
    ends = breaks.nonzero()[0]
    starts = np.concatenate([_NOTHING, ends[:-1] + 1])
    sizes = ends - starts
    last = ends.searchsorted(tokens.last)
    first = np.concatenate([_NOTHING, last[:-1] + 1])
    lines = last - first + 1
    marks = _openings(tokens, starts, lines)
    marks &= sizes > 0
    indented, bullets, numbered, options, filled = np.add.reduceat(
        marks, first, axis=1, dtype=np.intp
    )
    return [
        lines,
        np.maximum.reduceat(sizes, first),
        sizes.take(first),
        sizes.take(last),
        tokens.last - paragraph,
        lines - filled,
        indented / lines,
        bullets,
        numbered,
        options,
    ]


def _openings(tokens: Tokens, starts: Indices, lines: Indices) -> NDArray[np.bool_]:
    """Whether each line from ``starts`` on is indented, a bullet, numbered, an option, or a line.

    ``lines`` (n) are the numbers of lines of the texts.
    """
    data, at = tokens.data, tokens.starts.searchsorted(starts)
    where = np.concatenate([tokens.starts, _NO_TOKENS])
    first, second = where.take(at), where.take(at + 1)
    # The tokens behind a text's last line are those of the next text of the batch.
    left = tokens.offsets[1:].repeat(lines) - at
    opening, stop = data.take(first), _STOP.take(data.take(second)) & (left > 1)
    marks = np.empty((5, len(starts)), dtype=np.bool_)
    marks[4] = True
    _BLANK.take(data.take(starts), out=marks[0])
    np.logical_and(_BULLET.take(opening), left > 0, out=marks[1])
    np.logical_and(_DIGIT.take(opening), stop, out=marks[2])
    np.logical_and(_LETTER.take(opening), stop & (second == first + 1), out=marks[3])
    return marks


def _last_paragraphs(tokens: Tokens) -> Indices:
    """The position in ``data`` at which the last paragraph of each text starts (n)."""
    breaks = (tokens.data == NEWLINE).nonzero()[0]
    after = breaks[1:][breaks[1:] - breaks[:-1] == 1] + 1
    out = tokens.first.copy()
    if len(after):
        out[tokens.last.searchsorted(after)] = after  # the last assignment of a text stays
    return out


def _ends(tokens: Tokens, size: Indices) -> list[Array]:
    """Sentences, last byte, first byte, and the distance of the last question mark to the end."""
    data = tokens.data
    marks = _ENDS_SENTENCE.take(data[:-1]).nonzero()[0]
    stops = marks[_GAP.take(data.take(marks + 1))]
    sentences = np.bincount(tokens.last.searchsorted(stops), minlength=len(tokens))
    asks = marks[data.take(marks) == ord("?")]
    asking = tokens.last.searchsorted(asks)
    question = np.zeros(len(tokens))
    question[asking] = asks - tokens.first.take(asking) + 1
    return [
        sentences,
        *_FINAL.take(data.take(tokens.last - 1), axis=1),
        _UPPER.take(tokens.raw.take(tokens.first)),
        1.0 - question / size,
    ]


def _openers(
    tokens: Tokens, words: Indices, offsets: Indices, entry: Indices, paragraph: Indices
) -> list[Array]:
    """Opener codes of the first two words and of the last paragraph's first word.

    ``words`` are the tokens that are words, ``offsets`` (n + 1) the texts' first of them. A word
    that is no opener has code -1, a missing word -2.
    """
    first, end = offsets[:-1], offsets[1:]
    last = words.searchsorted(tokens.starts.searchsorted(paragraph))
    word = np.concatenate([first, first + 1, last])
    missing = word >= np.concatenate([end, end, end])
    at = np.concatenate([words, _NOTHING]).take(np.minimum(word, len(words)))
    code = LEXICON.opener.take(entry.take(at, mode="clip")) if len(entry) else np.empty(len(word))
    code[missing] = _MISSING
    return [*code.reshape(3, -1)]


def groups(tokens: Tokens, matches: LexiconMatches) -> Array:
    """The number of words and phrases of each group in each text, n x len(GROUPS)."""
    entry, row = matches.entry, matches.text * _WIDTH + 1
    cells = (row[:, None] + _BOTH_GROUPS.take(entry, axis=0)).ravel()
    counts = np.bincount(cells, minlength=len(tokens) * _WIDTH)  # the first cell of a row: no group
    return counts.reshape(-1, _WIDTH)[:, 1:].astype(np.float64)
