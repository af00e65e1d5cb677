"""Words, pairs of words and runs of bytes as hash buckets, by a few numpy operations each.

A polynomial prefix hash modulo 2**64 (Karp and Rabin 1987) gives the hash of every substring as
a difference of two prefix sums, so no word is ever a Python object.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 16
BUCKETS = 1 << BITS
MAX_BYTES = 24_000

_BASE = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xD6E8FEB86659FD93)
_RUN = 4  # bytes: a part of a word, or of the space between two
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_FIRST = np.array([0x165667B19E3779F9], dtype=np.uint64)
_LAST = np.array([0x27D4EB2F165667C5], dtype=np.uint64)
_SHIFT = np.uint64(64 - BITS)


Terms = tuple[NDArray[np.intp], NDArray[np.float64]]  # buckets and counts of one text


def _powers(base: int) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        steps = np.full(MAX_BYTES + 1, base, dtype=np.uint64)
        steps[0] = 1
        return np.cumprod(steps, dtype=np.uint64)


_POWERS = _powers(_BASE)
_INVERSE = _powers(pow(_BASE, -1, 1 << 64))


def _byte_classes() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Per byte: its folded value (all digits alike) and its class (0 space, 1 word, 2 other)."""
    folded = np.arange(256, dtype=np.uint8)
    folded[ord("0") : ord("9") + 1] = ord("0")
    kinds = np.full(256, 2, dtype=np.uint8)
    for byte in range(256):
        if byte >= 128 or chr(byte).isalnum() or byte == ord("_"):
            kinds[byte] = 1
        elif byte <= 32 and byte != ord("\n"):
            kinds[byte] = 0
    return folded, kinds


_FOLDED, _KIND = _byte_classes()
_NOTHING = np.zeros(0, dtype=np.uint64)


def text_bytes(text: str) -> NDArray[np.uint8]:
    """UTF-8 bytes of the lower-cased text, at most ``MAX_BYTES``."""
    raw = text.lower().encode("utf-8", "replace")[:MAX_BYTES]
    return np.frombuffer(raw, dtype=np.uint8)


def _prefix_sums(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The prefix hashes: those of ``data[a:b]`` are ``(sums[b] - sums[a]) * _INVERSE[a]``."""
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum((_FOLDED[data] + np.uint64(1)) * _POWERS[: len(data)], out=sums[1:])
    return sums


def _token_hashes(data: NDArray[np.uint8], sums: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One 64-bit hash for each token: a run of word bytes, or one other visible byte."""
    kind = _KIND[data]
    change = np.ones(len(data) + 1, dtype=bool)
    np.not_equal(kind[1:], kind[:-1], out=change[1:-1])
    change[:-1] |= kind == 2
    edges = np.flatnonzero(change)
    starts, ends = edges[:-1], edges[1:]
    visible = kind[starts] != 0
    starts, ends = starts[visible], ends[visible]
    return np.asarray((sums[ends] - sums[starts]) * _INVERSE[starts], dtype=np.uint64)


def _count(hashes: NDArray[np.uint64]) -> Terms:
    buckets = ((hashes * _MIX) >> _SHIFT).astype(np.intp)
    distinct, counts = np.unique(buckets, return_counts=True)
    return distinct, counts.astype(np.float64)


def terms(text: str) -> tuple[Terms, Terms]:
    """Distinct buckets with counts: of words, pairs, first and last words; and of byte runs."""
    data = text_bytes(text)
    if not len(data):
        return _count(_NOTHING), _count(_NOTHING)
    sums = _prefix_sums(data)
    words = _token_hashes(data, sums)
    hashes = [words]
    if len(words) > 1:
        pairs = (words[1:] * _PAIR) ^ words[:-1]
        ends = (words[:1] * _FIRST, pairs[:1] * _FIRST, words[-1:] * _LAST, pairs[-1:] * _LAST)
        hashes = [words, pairs, *ends]
    runs = (sums[_RUN:] - sums[:-_RUN]) * _INVERSE[: max(0, len(data) - _RUN + 1)]
    return _count(np.concatenate(hashes)), _count(runs)
