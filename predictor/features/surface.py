"""Hand-made features of a prompt's text: lines, symbols, endings, openers and word groups."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.features.lexicon import GROUPS
from predictor.features.lexicon_table import LEXICON, LexiconMatches
from predictor.features.tokens import Tokens, classes

_COUNTED = "?!.,:;\"'`()[]{}<>=+-*/\\_|#$%&@^~"
_COUNTED_BYTES = np.frombuffer(_COUNTED.encode(), dtype=np.uint8)
_MISSING = -2.0  # the code of a missing opener
_WIDTH = len(GROUPS) + 1
_WORD = b"\1"  # a token that is a word, among flags as bytes


def _among(symbols: str) -> Flags:
    return np.isin(np.arange(256), list(symbols.encode()))


_HEADS = classes(b="-*", d="0123456789", s=".)", a="abcdefgh", n="\n")
"""Classes of the first bytes of tokens, which tell lines apart: "ds" begins a numbered line."""
_SENTENCES = classes(e=".?!", g=" \t\r\n\0")
_UPPER = _among("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_KINDS = np.array([_UPPER, _among("0123456789"), np.arange(256) >= 128], dtype=np.float64).T
_FINAL = np.array([_among("?"), _among(":"), _among("."), _among("`>")]).T.tolist()
_IS_UPPER = _UPPER.tolist()

_BOTH_GROUPS = np.array([LEXICON.group, LEXICON.second_group], dtype=np.intp).T.copy()

_TEXT_SHAPE = (
    "log_chars log_words word_len unique_words upper digits non_ascii log_lines max_line "
    "first_line last_line last_paragraph blank_lines indented bullets numbered options "
    "log_sentences ends_question ends_colon ends_stop ends_code starts_upper last_question "
    "opener second_opener last_opener"
)
_SHAPE = _TEXT_SHAPE.split()
_READ_FROM = _SHAPE.index("log_lines")
_LOGGED = (
    "log_chars log_words log_lines max_line first_line last_line last_paragraph blank_lines "
    "bullets numbered options log_sentences"
)

NAMES: tuple[str, ...] = (
    *_SHAPE,
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
    word = tokens.word.tobytes()
    words = np.array([word.count(1, a, b) for a, b in pairwise(tokens.offsets.tolist())])
    some = np.maximum(1, words)
    out = np.empty((len(tokens), len(NAMES)))
    split = len(_SHAPE)
    out[:, 0] = np.maximum(chars, tokens.last - tokens.first)
    out[:, 1] = words
    out[:, 2] = _letters(tokens) / some
    out[:, 3] = distinct / some
    out[:, 4:_READ_FROM] = counts @ _KINDS / size[:, None]
    out[:, _READ_FROM:split] = _read(tokens, matches.unigrams)
    out[:, split : split + len(_COUNTED)] = counts.take(_COUNTED_BYTES, axis=1)
    np.log1p(out, out=out, where=_LOGS)
    out[:, split + len(_COUNTED) :] = groups(tokens, matches)
    return out


def _letters(tokens: Tokens) -> Indices:
    """The bytes of the words of each text (n)."""
    sums = np.zeros(len(tokens.word) + 1, dtype=np.intp)
    ((tokens.ends - tokens.starts) * tokens.word).cumsum(out=sums[1:])
    ends = sums.take(tokens.offsets)
    return np.asarray(ends[1:] - ends[:-1])


def _read(tokens: Tokens, entry: Indices) -> list[tuple[float, ...]]:
    """The features of _SHAPE from _READ_FROM on, text by text.

    Methods of bytes read a text in less time than numpy takes for its operations. ``entry`` (t) is
    the lexicon's entry of each token.
    """
    raw, data = tokens.raw.tobytes(), tokens.data.tobytes()
    endings = data.translate(_SENTENCES)
    heads, word = tokens.opening.tobytes().translate(_HEADS), tokens.word.tobytes()
    offsets = tokens.offsets.tolist()
    code = LEXICON.opener.take(entry)
    out = []
    spans = zip(tokens.first.tolist(), tokens.last.tolist(), pairwise(offsets), strict=True)
    for first, last, (start, end) in spans:
        text = data[first:last]
        lines, paragraph = _lines(text)
        tail = int(tokens.starts.searchsorted(first + paragraph)) if paragraph else start
        opener = word.find(_WORD, start, end)
        second = word.find(_WORD, opener + 1, end) if opener >= 0 else -1
        openers = (opener, second, word.find(_WORD, tail, end))
        out.append(
            (
                *lines,
                *_items(heads, tokens, start, end),
                endings.count(b"eg", first, last + 1),
                *_ends(text, raw[first]),
                *[_MISSING if at < 0 else code.item(at) for at in openers],
            )
        )
    return out


def _lines(text: bytes) -> tuple[tuple[float, ...], int]:
    """Sizes of the lines of a text, and the position of the last paragraph."""
    lines = text.split(b"\n")
    number = len(lines)
    if number == 1:
        size = len(text)
        return (1, size, size, size, size, not size, text.startswith((b" ", b"\t"))), 0
    sizes = list(map(len, lines))
    heads = b"".join([line[:1] for line in lines])
    indented = heads.count(b" ") + heads.count(b"\t")
    paragraph = text.rfind(b"\n\n") + 2
    paragraph = 0 if paragraph == 1 else paragraph
    last = len(text) - paragraph
    return (
        number,
        max(sizes),
        sizes[0],
        sizes[-1],
        last,
        number - len(heads),
        indented / number,
    ), paragraph


def _items(heads: bytes, tokens: Tokens, start: int, end: int) -> tuple[int, int, int]:
    """Bullets, numbered lines and options of the text that has the tokens ``start`` to ``end``.

    ``heads`` are the classes _HEADS of the first bytes of all tokens.
    """
    own = b"n" + heads[start:end]  # the first line begins without a line break
    options = 0
    at = own.find(b"nas")
    while at >= 0:
        first = start + at  # one letter, and the stop right behind it
        options += int(tokens.starts[first + 1] - tokens.starts[first]) == 1
        at = own.find(b"nas", at + 1)
    return own.count(b"nb"), own.count(b"nds"), options


def _ends(text: bytes, head: int) -> tuple[float, ...]:
    """Last byte, first byte, and the distance of the last question mark to the end."""
    question = text.rfind(b"?") + 1
    final = _FINAL[text[-1] if text else 0]
    return (*final, _IS_UPPER[head], 1.0 - question / max(1, len(text)))


def groups(tokens: Tokens, matches: LexiconMatches) -> Array:
    """The number of words and phrases of each group in each text, n x len(GROUPS)."""
    entry, row = matches.entry, matches.text * _WIDTH + 1
    cells = (row[:, None] + _BOTH_GROUPS.take(entry, axis=0)).ravel()
    counts = np.bincount(cells, minlength=len(tokens) * _WIDTH)  # the first cell of a row: no group
    return counts.reshape(-1, _WIDTH)[:, 1:].astype(np.float64)
