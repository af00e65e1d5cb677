"""Bytes and tokens of texts, by a few numpy operations for a whole batch.

A token is a run of letters, digits and underscores, one character of a script without spaces
(Chinese, Japanese, Korean, Thai), or one other visible character; a line break counts as visible.
Korean has spaces, but endings are joined to words: single syllables repeat, whole words seldom do.
The hash of a token is a difference of two prefix sums of a polynomial hash modulo
2**64 (Karp and Rabin 1987), so no Python object is made for a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Flags, Indices
from predictor.features.characters import SYMBOL, is_alone, plain, scripts_at

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint64]

_BLOCK_BYTES = 1 << 17  # a block of texts of this size stays in the processor's cache
_MOST_BYTES = 20_000  # of a text that are read; ``clip`` keeps fewer, at four bytes a character
_LOWEST_ALONE = 0xE0  # the first byte of a character of three bytes or more
_FOUR_BYTES = 0xF0
SPACE, WORD, OTHER = 0, 1, 2
NEWLINE = 10

_BASE = 0x9E3779B97F4A7C15
_BIGRAM, _TRIGRAM = np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x27D4EB2F165667C5)


def _powers(base: int) -> Hashes:
    steps = np.full(_BLOCK_BYTES + _MOST_BYTES + 2, base, dtype=np.uint64)
    steps[0] = 1
    return np.cumprod(steps, dtype=np.uint64)


_POWERS = _powers(_BASE)
_INVERSE = _powers(pow(_BASE, -1, 1 << 64))


def _byte_classes() -> tuple[bytes, bytes]:
    """Of each lower-cased byte: its class, and its value in hashes (one value for all digits).

    No byte of UTF-8 is 255, whose value would be the next one.
    """
    kinds, values = bytearray([OTHER] * 256), bytearray([*range(1, 256), 255])
    for byte in range(256):
        if byte >= 128 or chr(byte).isalnum() or byte == ord("_"):
            kinds[byte] = WORD
        elif byte <= 32 and byte != NEWLINE:
            kinds[byte] = SPACE
    values[ord("0") : ord("9") + 1] = [ord("0") + 1] * 10
    return bytes(kinds), bytes(values)


_KIND, _VALUE = _byte_classes()
_ZERO = np.zeros(1, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The bytes and the t tokens of n texts.

    ``raw`` are the bytes, ``data`` the lower-cased bytes; a NUL follows each text. Text i is
    ``data[first[i]:last[i]]`` and has the tokens ``offsets[i]`` to ``offsets[i + 1]``.

    Each token has its ``text`` (0 to n - 1), its position in ``data`` (``starts`` and ``ends``),
    its first byte in ``opening``, its ``hashes`` entry, and ``word``: whether the token is a run of
    letters, digits and underscores.
    """

    raw: Bytes
    data: Bytes
    first: Indices
    last: Indices
    text: Indices
    starts: Indices
    ends: Indices
    opening: Bytes
    word: Flags
    hashes: Hashes
    offsets: Indices

    def __len__(self) -> int:
        return len(self.first)

    def near_ends(self, before: int, behind: int) -> Flags:
        """Whether each token starts up to ``before`` bytes behind the beginning of its text or up
        to ``behind`` bytes before the end (t)."""
        near = np.ones(len(self.starts), dtype=bool)
        if len(self) and int((self.last - self.first).max()) <= before + behind:
            return near  # the ends of each text meet
        from_head = self.starts.searchsorted(self.first + (before + 1))
        from_tail = self.starts.searchsorted(self.last - behind)
        for start, end in zip(from_head.tolist(), from_tail.tolist(), strict=True):
            if start < end:
                near[start:end] = False
        return near

    def byte_counts(self) -> Indices:
        """How often each text has each byte, n x 256."""
        spans = zip(self.first.tolist(), self.last.tolist(), strict=True)
        return np.array([np.bincount(self.raw[a:b], minlength=256) for a, b in spans])


def classes(**members: str) -> bytes:
    """A table for ``bytes.translate``: one letter for each class of bytes, "o" for all others."""
    table = bytearray(b"o" * 256)
    for letter, symbols in members.items():
        for byte in symbols.encode():
            table[byte] = ord(letter)
    return bytes(table)


def tokenise(texts: Sequence[str]) -> Tokens:
    """The tokens of n texts; what a text has beyond ``_MOST_BYTES`` is ignored.

    Texts are read in the ``plain`` form of their characters.
    """
    encoded = [_encode(text) for text in texts]
    joined = b"\0".join([*encoded, b""])
    lowered = joined.lower()  # ASCII alone
    raw, data = np.frombuffer(joined, dtype=np.uint8), np.frombuffer(lowered, dtype=np.uint8)
    sizes = np.fromiter(map(len, encoded), dtype=np.intp, count=len(encoded))
    last = (sizes + 1).cumsum() - 1
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    values = np.frombuffer(lowered.translate(_VALUE), dtype=np.uint8)
    np.multiply(values, _POWERS[: len(data)]).cumsum(out=sums[1:])
    kind = np.frombuffer(bytearray(lowered.translate(_KIND)), dtype=np.uint8)
    edges = _edges(data, kind)
    kinds = kind.take(edges[:-1])
    at = (kinds != SPACE).nonzero()[0]
    starts, ends = edges.take(at), edges.take(at + 1)
    offsets = np.concatenate([_ZERO, starts.searchsorted(last)])
    return Tokens(
        raw=raw,
        data=data,
        first=last - sizes,
        last=last,
        text=np.arange(len(encoded)).repeat(offsets[1:] - offsets[:-1]),
        starts=starts,
        ends=ends,
        opening=data.take(starts),
        word=kinds.take(at) == WORD,
        hashes=(sums.take(ends) - sums.take(starts)) * _INVERSE.take(starts),
        offsets=offsets,
    )


def _encode(text: str) -> bytes:
    if text.isascii():
        return text[:_MOST_BYTES].encode()
    return plain(text[: _MOST_BYTES // 4]).encode()  # whole characters, of at most four bytes


def _edges(data: Bytes, kind: Bytes) -> Indices:
    """Where runs of bytes of one kind start or end; corrects the ``kind`` of symbols in place."""
    change = np.empty(len(data) + 1, dtype=bool)
    change[0] = change[-1] = True
    np.not_equal(kind[1:], kind[:-1], out=change[1:-1])
    change[:-1] |= kind == OTHER
    _separate_characters(data, kind, change)
    return change.nonzero()[0]


def _separate_characters(data: Bytes, kind: Bytes, change: Flags) -> None:
    """Mark, in place, both ends of the characters that are tokens of their own."""
    where = (data >= _LOWEST_ALONE).nonzero()[0]
    if not len(where):
        return
    script = scripts_at(data, where)
    alone = is_alone(script)
    where = where[alone]
    change[where] = change[where + 3 + (data[where] >= _FOUR_BYTES)] = True
    kind[where[script[alone] == SYMBOL]] = OTHER


def blocks(texts: Sequence[str]) -> Iterator[slice]:
    """Slices of ``texts``, each of at most ``_BLOCK_BYTES`` bytes or of one text.

    Each text counts with six bytes more than the text has, which bounds the number of texts in a
    block: three row numbers for each text then fit 16 bits (``ngrams``).
    """
    start = size = 0
    for index, text in enumerate(texts):
        more = 6 + (len(text) if text.isascii() else 4 * len(text))
        if index > start and size + more > _BLOCK_BYTES:
            yield slice(start, index)
            start, size = index, 0
        size += more
    if len(texts) > start:
        yield slice(start, len(texts))


def bigrams(hashes: Hashes) -> Hashes:
    """Hashes of each token with the next one (t - 1)."""
    return (hashes[1:] * _BIGRAM) ^ hashes[:-1]


def trigrams(hashes: Hashes, pairs: Hashes) -> Hashes:
    """Hashes of each token with the next two (t - 2); ``pairs`` are ``bigrams(hashes)``."""
    return (hashes[2:] * _TRIGRAM) ^ pairs[:-1]
