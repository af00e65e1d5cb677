"""Texts as bytes and tokens: a few numpy operations for a whole batch, no Python object a word.

A token is a run of letters, digits and underscores, or one other visible byte; a line's end is
visible. A polynomial prefix hash modulo 2**64 (Karp and Rabin 1987) gives the hash of every token
as a difference of two prefix sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Flags, Indices

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint64]

_BLOCK_BYTES = 1 << 17  # texts are read in blocks of about this size, which stay in the cache
_MOST_BYTES = 20_000  # of one text: what ``clip`` keeps, were it all of four-byte characters
SPACE, WORD, OTHER = 0, 1, 2
NEWLINE = 10

_PLAIN = tuple(zip("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--", strict=True))
"""Bytes from 128 on belong to words: else a word in such quotes would be another word."""

_BASE = 0x9E3779B97F4A7C15
_PAIR, _TRIPLE = np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x27D4EB2F165667C5)


def _powers(base: int) -> Hashes:
    steps = np.full(_BLOCK_BYTES + _MOST_BYTES + 2, base, dtype=np.uint64)
    steps[0] = 1
    return np.cumprod(steps, dtype=np.uint64)


_POWERS = _powers(_BASE)
_INVERSE = _powers(pow(_BASE, -1, 1 << 64))


def _byte_classes() -> tuple[Bytes, Bytes, Hashes]:
    """Per byte: lower case, class, and its value in hashes (all digits alike)."""
    lower = np.arange(256, dtype=np.uint8)
    lower[ord("A") : ord("Z") + 1] += 32
    kinds = np.full(256, OTHER, dtype=np.uint8)
    for byte in range(256):
        if byte >= 128 or chr(byte).isalnum() or byte == ord("_"):
            kinds[byte] = WORD
        elif byte <= 32 and byte != NEWLINE:
            kinds[byte] = SPACE
    folded = lower.astype(np.uint64) + np.uint64(1)
    folded[ord("0") : ord("9") + 1] = ord("0") + 1
    return lower, kinds, folded


_LOWER, _KIND, _VALUE = _byte_classes()


@dataclass(frozen=True, slots=True)
class Tokens:
    """The bytes of n texts, lower-cased, and their t tokens.

    ``raw`` and ``data`` are the bytes as they are and lower-cased, each text followed by a NUL;
    text i is ``data[first[i]:last[i]]``. Of each token ``text`` (0..n-1), ``starts`` and ``ends``
    in ``data``, whether it is a ``word``, and ``hashes``. ``until`` (n + 1) counts tokens: those
    of text i are ``until[i]`` to ``until[i + 1]``.
    """

    raw: Bytes
    data: Bytes
    first: Indices
    last: Indices
    text: Indices
    starts: Indices
    ends: Indices
    word: Flags
    hashes: Hashes
    until: Indices

    def __len__(self) -> int:
        return len(self.first)

    def per_text(self, tokens: Flags) -> Indices:
        """How many of the marked tokens each text has (n)."""
        return np.bincount(self.text[tokens], minlength=len(self))


def read(texts: Sequence[str]) -> Tokens:
    """The tokens of some texts; a text counts up to ``_MOST_BYTES`` bytes.

    Typographic quotation marks and dashes count as the plain ones.
    """
    encoded = [_plain(text).encode("utf-8", "replace")[:_MOST_BYTES] for text in texts]
    raw = np.frombuffer(b"\0".join([*encoded, b""]), dtype=np.uint8)
    sizes = np.fromiter(map(len, encoded), dtype=np.intp, count=len(encoded))
    last = np.cumsum(sizes + 1) - 1
    data = _LOWER[raw]
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum(_VALUE[data] * _POWERS[: len(data)], out=sums[1:])
    kind = _KIND[data]
    change = np.ones(len(data) + 1, dtype=bool)
    np.not_equal(kind[1:], kind[:-1], out=change[1:-1])
    change[:-1] |= kind == OTHER
    edges = np.flatnonzero(change)
    kinds = kind[edges[:-1]]
    visible = kinds != SPACE
    starts, ends = edges[:-1][visible], edges[1:][visible]
    until = np.concatenate([[0], np.searchsorted(starts, last)])
    return Tokens(
        raw=raw,
        data=data,
        first=last - sizes,
        last=last,
        text=np.repeat(np.arange(len(encoded)), np.diff(until)),
        starts=starts,
        ends=ends,
        word=kinds[visible] == WORD,
        hashes=(sums[ends] - sums[starts]) * _INVERSE[starts],
        until=until,
    )


def _plain(text: str) -> str:
    if not text.isascii():
        for fine, plain in _PLAIN:
            text = text.replace(fine, plain)
    return text


def blocks(texts: Sequence[str]) -> Iterator[slice]:
    """Consecutive parts of ``texts``, each of at most ``_BLOCK_BYTES`` bytes or of one text.

    A text counts as six bytes more than it has, so that three numbers for each fit 16 bits.
    """
    start = size = 0
    for at, text in enumerate(texts):
        more = 6 + (len(text) if text.isascii() else 4 * len(text))
        if at > start and size + more > _BLOCK_BYTES:
            yield slice(start, at)
            start, size = at, 0
        size += more
    if len(texts) > start:
        yield slice(start, len(texts))


def pairs(hashes: Hashes) -> Hashes:
    """Hashes of each token and the next (one less than tokens)."""
    return (hashes[1:] * _PAIR) ^ hashes[:-1]


def triples(hashes: Hashes, two: Hashes) -> Hashes:
    """Hashes of each token and the next two; ``two`` are ``pairs(hashes)``."""
    return (hashes[2:] * _TRIPLE) ^ two[:-1]
