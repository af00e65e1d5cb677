"""Hand-made features of a prompt's text: lines, symbols, endings, openers and word groups."""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.features.lexicon import GROUPS
from predictor.features.lexicon_table import LEXICON, LexiconMatches
from predictor.features.tokens import NEWLINE, Tokens

_COUNTED = "?!.,:;\"'`()[]{}<>=+-*/\\_|#$%&@^~"
_COUNTED_BYTES = np.frombuffer(_COUNTED.encode(), dtype=np.uint8)
_WIDTH = len(GROUPS) + 1
_NOTHING = np.zeros(1, dtype=np.intp)


def _among(symbols: str) -> Flags:
    return np.isin(np.arange(256), list(symbols.encode()))


_ENDS_SENTENCE, _GAP, _BLANK = _among(".?!"), _among(" \t\r\n\0"), _among(" \t")
_BULLET, _STOP, _LETTER = _among("-*"), _among(".)"), _among("abcdefgh")
_DIGIT, _UPPER = _among("0123456789"), _among("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_KINDS = np.array([_UPPER, _DIGIT, np.arange(256) >= 128], dtype=np.float64).T
_FINAL = np.array([_among("?"), _among(":"), _among("."), _among("`>")])

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
    words, paragraph = tokens.per_text(tokens.word), _last_paragraphs(tokens)
    lengths = np.where(tokens.word, tokens.ends - tokens.starts, 0)
    letters = np.bincount(tokens.text, lengths, minlength=len(tokens))
    some = np.maximum(1, words)
    shape = [
        np.maximum(chars, tokens.last - tokens.first),
        words,
        letters / some,
        distinct / some,
        *((counts @ _KINDS).T / size),
        *_lines(tokens, paragraph),
        *_ends(tokens, size),
        *_openers(tokens, matches.unigrams, paragraph),
    ]
    out = np.empty((len(tokens), len(NAMES)))
    split = len(_SHAPE.split())
    out[:, :split] = np.array(shape).T
    out[:, split : split + len(_COUNTED)] = counts[:, _COUNTED_BYTES]
    np.log1p(out, out=out, where=_LOGS)
    out[:, split + len(_COUNTED) :] = groups(tokens, matches)
    return out


def _lines(tokens: Tokens, paragraph: Indices) -> list[Array]:
    """Features of the lines of each text, read from the first bytes of each line."""
    breaks = tokens.data == NEWLINE
    breaks[tokens.last] = True
    ends = breaks.nonzero()[0]
    starts = np.concatenate([_NOTHING, ends[:-1] + 1])
    sizes = ends - starts
    last = ends.searchsorted(tokens.last)
    first = np.concatenate([_NOTHING, last[:-1] + 1])
    where = np.concatenate([tokens.starts, [len(tokens.data) - 1] * 2])
    opens = np.minimum(tokens.starts.searchsorted(starts), len(where) - 2)
    first_token, second_token = where[opens], where[opens + 1]
    text_of_token = np.concatenate([tokens.text, [-1, -1]])
    lines = last - first + 1
    text_of_line = np.arange(len(tokens)).repeat(lines)
    # The tokens behind a text's last line are those of the next text of the batch.
    opened = text_of_token[opens] == text_of_line
    stop = _STOP[tokens.data[second_token]] & (text_of_token[opens + 1] == text_of_line)
    opening = tokens.data[first_token]
    marks = np.array(
        [
            _BLANK[tokens.data[starts]],
            _BULLET[opening] & opened,
            _DIGIT[opening] & stop,
            _LETTER[opening] & (second_token == first_token + 1) & stop,
            np.ones(len(starts), dtype=np.bool_),
        ]
    )
    marks &= sizes > 0
    indented, bullets, numbered, options, filled = np.add.reduceat(
        marks, first, axis=1, dtype=np.intp
    )
    return [
        lines,
        np.maximum.reduceat(sizes, first),
        sizes[first],
        sizes[last],
        tokens.last - paragraph,
        lines - filled,
        indented / lines,
        bullets,
        numbered,
        options,
    ]


def _last_paragraphs(tokens: Tokens) -> Indices:
    """The position in ``data`` at which the last paragraph of each text starts (n)."""
    breaks = (tokens.data == NEWLINE).nonzero()[0]
    after = breaks[1:][breaks[1:] - breaks[:-1] == 1] + 1
    out = tokens.first.copy()
    out[tokens.last.searchsorted(after)] = after  # the last assignment of a text stays
    return out


def _ends(tokens: Tokens, size: Indices) -> list[Array]:
    """Sentences, last byte, first byte, and the distance of the last question mark to the end."""
    data, final = tokens.data, tokens.data[tokens.last - 1]
    marks = _ENDS_SENTENCE[data[:-1]].nonzero()[0]
    stops = marks[_GAP[data[marks + 1]]]
    sentences = np.bincount(tokens.last.searchsorted(stops), minlength=len(tokens))
    asks = marks[data[marks] == ord("?")]
    asking = tokens.last.searchsorted(asks)
    question = np.zeros(len(tokens))
    question[asking] = asks - tokens.first[asking] + 1
    return [
        sentences,
        *_FINAL[:, final],
        _UPPER[tokens.raw[tokens.first]],
        1.0 - question / size,
    ]


def _openers(tokens: Tokens, entry: Indices, paragraph: Indices) -> list[Array]:
    """Opener codes of the first two words and of the last paragraph's first word.

    A word that is no opener has code -1, a missing word -2.
    """
    words = tokens.word.nonzero()[0]
    code = np.concatenate([LEXICON.opener[entry[words]], [-2.0, -2.0]])
    offsets = words.searchsorted(tokens.offsets)
    last = words.searchsorted(tokens.starts.searchsorted(paragraph))
    return [
        np.where(word < offsets[1:], code[np.minimum(word, len(words))], -2.0)
        for word in (offsets[:-1], offsets[:-1] + 1, last)
    ]


def groups(tokens: Tokens, matches: LexiconMatches) -> Array:
    """The number of words and phrases of each group in each text, n x len(GROUPS)."""
    entry, row = matches.entry, matches.text * _WIDTH + 1
    cells = np.concatenate([row + LEXICON.group[entry], row + LEXICON.second_group[entry]])
    counts = np.bincount(cells, minlength=len(tokens) * _WIDTH)  # the first cell of a row: no group
    return counts.reshape(-1, _WIDTH)[:, 1:].astype(np.float64)
