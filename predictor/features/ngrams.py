"""Counts of words, pairs of words and runs of four bytes in hash buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Indices
from predictor.features.tokens import Hashes, Tokens

Keys = NDArray[np.uint32]
"""The row of a count in the higher bits, and the bucket in the lower BITS."""

BITS = 16
BUCKETS = 1 << BITS

_MIX = np.uint64(0xD6E8FEB86659FD93)
_RUN_MIX = np.uint32(0x9E3779B1)
_FIRST, _LAST = np.uint64(0x165667B19E3779F9), np.uint64(0x27D4EB2F165667C5)
_SHIFT, _ROW = np.uint64(64 - BITS), np.uint32(BITS)
_FOLD = bytes.maketrans(b"123456789", b"0" * 9)
_RUN = 4  # bytes of a run


@dataclass(frozen=True, slots=True)
class BucketCounts:
    """How often each of n texts has each bucket, as a sparse matrix by rows.

    The ``buckets`` (increasing) and ``counts`` of text i stand at ``offsets[i]`` to
    ``offsets[i + 1]``.
    """

    buckets: Indices
    counts: Indices
    offsets: Indices

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def part(self, start: int, end: int) -> BucketCounts:
        """The counts of the texts ``start`` to ``end`` (exclusive)."""
        offsets = self.offsets[start : end + 1]
        kept = slice(offsets[0], offsets[-1])
        return BucketCounts(self.buckets[kept], self.counts[kept], offsets - offsets[0])


@dataclass(frozen=True, slots=True)
class NgramCounts:
    """The n-grams of n texts.

    ``words`` counts words and pairs of words, ``runs`` counts runs of four bytes. ``vocabulary``
    (n) is the number of different words of each text.
    """

    words: BucketCounts
    runs: BucketCounts
    vocabulary: Indices


def count_ngrams(tokens: Tokens, pairs: Hashes) -> NgramCounts:
    """Count all n-grams in one pass; ``pairs`` are ``bigrams(tokens.hashes)``."""
    texts = len(tokens)
    rows = tokens.text.astype(np.uint32) << _ROW
    words = _buckets(tokens.hashes)
    words |= rows
    rest, runs = _rest(tokens, pairs, rows), _runs(tokens)
    vocabulary = words.take(tokens.word.nonzero()[0])
    runs += np.uint32(texts) << _ROW
    vocabulary += np.uint32(2 * texts) << _ROW
    keys = np.concatenate([words, rest, runs, vocabulary])
    counted = _count(keys, 3 * texts, _separate_sorts(tokens, len(words) + len(rest)))
    return NgramCounts(
        counted.part(0, texts),
        counted.part(texts, 2 * texts),
        _differences(counted.offsets[2 * texts :]),
    )


def _buckets(hashes: Hashes) -> Keys:
    return ((hashes * _MIX) >> _SHIFT).astype(np.uint32)


def _separate_sorts(tokens: Tokens, words: int) -> list[slice]:
    """The slices of the keys to sort one by one: first those of ``words`` words and pairs.

    The runs of each text are contiguous, so each text's runs are sorted alone and stay in a faster
    cache.
    """
    if len(tokens) == 1:
        return [slice(None)]
    cuts = [0, words, *(words + _run_counts(tokens).cumsum()).tolist()]
    return [slice(a, b) for a, b in pairwise(cuts)] + [slice(cuts[-1], None)]


def _rest(tokens: Tokens, pairs: Hashes, rows: Keys) -> Keys:
    """Keys of all pairs of words, and of each text's first and last word and pair."""
    if len(tokens) == 1:
        return _buckets(np.concatenate([pairs, *_outer(tokens.hashes), *_outer(pairs)]))
    same = (rows[1:] == rows[:-1]).nonzero()[0]
    offsets = tokens.offsets
    sizes = offsets[1:] - offsets[:-1]
    of_words, of_pairs = sizes.nonzero()[0], (sizes > 1).nonzero()[0]
    hashes = [pairs.take(same)]
    at = [rows.take(same)]
    for values, own, step in ((tokens.hashes, of_words, 1), (pairs, of_pairs, 2)):
        hashes.append(values.take(offsets.take(own)) * _FIRST)
        hashes.append(values.take(offsets.take(own + 1) - step) * _LAST)
        at += [own.astype(np.uint32) << _ROW] * 2
    return np.asarray(_buckets(np.concatenate(hashes)) | np.concatenate(at))


def _outer(hashes: Hashes) -> tuple[Hashes, Hashes]:
    """The first and the last of some hashes, marked as such."""
    return hashes[:1] * _FIRST, hashes[-1:] * _LAST


def _runs(tokens: Tokens) -> Keys:
    """Keys of all runs of four bytes, text by text, with one value for all digits."""
    data = np.frombuffer(tokens.data.tobytes().translate(_FOLD), dtype=np.uint8)
    if len(data) < _RUN:
        return np.zeros(0, np.uint32)
    fours = np.ndarray(len(data) - _RUN + 1, "<u4", data.data, strides=(1,))
    buckets: Keys = (fours * _RUN_MIX) >> np.uint32(32 - BITS)
    lengths = _run_counts(tokens)
    if len(tokens) == 1:
        return buckets[: lengths[0]]
    rows = np.arange(len(tokens)).repeat(lengths)
    start = np.arange(len(rows)) + (tokens.first - lengths.cumsum() + lengths).take(rows)
    return np.asarray(buckets.take(start) | (rows.astype(np.uint32) << _ROW))


def _run_counts(tokens: Tokens) -> Indices:
    """The number of runs of each text (n)."""
    return np.asarray(np.maximum(0, tokens.last - tokens.first - (_RUN - 1)))


def _count(keys: Keys, texts: int, sorts: Sequence[slice]) -> BucketCounts:
    """Count equal keys, in place; each slice of ``sorts`` holds whole rows."""
    for part in sorts:
        keys[part].sort()
    edge = np.ones(len(keys) + 1, dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=edge[1:-1])
    edges = edge.nonzero()[0]
    distinct = keys.take(edges[:-1])
    offsets = distinct.searchsorted(np.arange(texts + 1, dtype=np.uint32) << _ROW)
    bucket = (distinct & np.uint32(BUCKETS - 1)).astype(np.intp)
    return BucketCounts(bucket, _differences(edges), offsets)


def _differences(values: Indices) -> Indices:
    return values[1:] - values[:-1]


def merge(parts: Sequence[BucketCounts]) -> BucketCounts:
    """The counts of all texts of the ``parts``, in order."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        empty = np.zeros(0, dtype=np.intp)
        return BucketCounts(empty, empty, np.zeros(1, dtype=np.intp))
    sizes = np.concatenate([[0], *(np.diff(part.offsets) for part in parts)])
    return BucketCounts(
        np.concatenate([part.buckets for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.cumsum(sizes),
    )
