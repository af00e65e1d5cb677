"""Counts of words, pairs of words and runs of four bytes in hash buckets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Indices
from predictor.features.tokens import Hashes, Tokens

Buckets = NDArray[np.uint32]

BITS = 16
BUCKETS = 1 << BITS

_MIX = np.uint64(0xD6E8FEB86659FD93)
_RUN_MIX = np.uint32(0x9E3779B1)
_FIRST, _LAST = np.uint64(0x165667B19E3779F9), np.uint64(0x27D4EB2F165667C5)
_SHIFT = np.uint64(64 - BITS)
_FOLD = np.arange(256, dtype=np.uint8)
_FOLD[ord("0") : ord("9") + 1] = ord("0")
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
    mixed = (tokens.hashes * _MIX) >> _SHIFT
    words, word_rows = _words(tokens, mixed, pairs)
    runs, run_rows = _runs(tokens)
    buckets = np.concatenate([words, runs, mixed[tokens.word].astype(np.uint32)])
    kinds = [word_rows, run_rows + texts, tokens.text[tokens.word] + 2 * texts]
    sorts = _separate_sorts(len(words), run_rows, texts)
    counted = _count(buckets, np.concatenate(kinds), 3 * texts, sorts)
    return NgramCounts(
        counted.part(0, texts),
        counted.part(texts, 2 * texts),
        np.diff(counted.offsets[2 * texts :]),
    )


def _separate_sorts(words: int, run_rows: Indices, texts: int) -> list[slice]:
    """The slices of the keys to sort one by one.

    The runs of each text are contiguous, so each text's runs are sorted alone and stay in a faster
    cache.
    """
    if texts == 1:
        return [slice(None)]
    ends = words + run_rows.searchsorted(np.arange(texts + 1))
    cuts = [0, *ends.tolist()]
    return [slice(a, b) for a, b in pairwise(cuts)] + [slice(cuts[-1], None)]


def _words(tokens: Tokens, mixed: Hashes, pairs: Hashes) -> tuple[Buckets, Indices]:
    """Buckets and text of all words and pairs, and of each text's first and last word and pair."""
    hashes, text, offsets = tokens.hashes, tokens.text, tokens.offsets
    same = text[1:] == text[:-1]
    sizes = offsets[1:] - offsets[:-1]
    with_words, with_pairs = sizes.nonzero()[0], (sizes > 1).nonzero()[0]
    first, last = offsets[with_words], offsets[with_words + 1] - 1
    first_pair, last_pair = offsets[with_pairs], offsets[with_pairs + 1] - 2
    ends = [hashes[first] * _FIRST, hashes[last] * _LAST]
    ends += [pairs[first_pair] * _FIRST, pairs[last_pair] * _LAST]
    rest = (np.concatenate([pairs[same], *ends]) * _MIX) >> _SHIFT
    rows = [text, text[1:][same], with_words, with_words, with_pairs, with_pairs]
    return np.concatenate([mixed, rest]).astype(np.uint32), np.concatenate(rows)


def _runs(tokens: Tokens) -> tuple[Buckets, Indices]:
    """Buckets and text of all runs of four bytes, with one value for all digits."""
    data = _FOLD[tokens.data]
    if len(data) < _RUN:
        return np.zeros(0, np.uint32), np.zeros(0, np.intp)
    fours = np.ndarray(len(data) - _RUN + 1, "<u4", data.data, strides=(1,))
    buckets = (fours * _RUN_MIX) >> np.uint32(32 - BITS)
    lengths = np.maximum(0, tokens.last - tokens.first - _RUN + 1)
    rows = np.repeat(np.arange(len(tokens)), lengths)
    if len(tokens) == 1:
        return buckets[: len(rows)], rows
    start = np.arange(len(rows)) + np.repeat(tokens.first - np.cumsum(lengths) + lengths, lengths)
    return buckets[start], rows


def _count(buckets: Buckets, rows: Indices, texts: int, sorts: Sequence[slice]) -> BucketCounts:
    """Count equal (row, bucket) pairs; each slice of ``sorts`` holds whole rows."""
    keys = (rows.astype(np.uint32) << np.uint32(BITS)) | buckets
    for part in sorts:
        keys[part].sort()
    edge = np.ones(len(keys) + 1, dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=edge[1:-1])
    edges = edge.nonzero()[0]
    distinct = keys[edges[:-1]]
    offsets = distinct.searchsorted(np.arange(texts + 1, dtype=np.uint32) << np.uint32(BITS))
    bucket = (distinct & np.uint32(BUCKETS - 1)).astype(np.intp)
    return BucketCounts(bucket, np.diff(edges), offsets)


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
