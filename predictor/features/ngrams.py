"""Words, pairs of words and runs of bytes as hash buckets."""

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
_RUN = 4  # bytes: a part of a word, or of the space between two


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each of n texts has each bucket, as a sparse matrix in rows.

    ``buckets`` (increasing within a text) and ``counts`` of text i stand at ``until[i]`` to
    ``until[i + 1]``.
    """

    buckets: Indices
    counts: Indices
    until: Indices

    def __len__(self) -> int:
        return len(self.until) - 1

    def part(self, start: int, end: int) -> Counts:
        """The counts of the texts ``start`` to ``end``."""
        until = self.until[start : end + 1]
        kept = slice(until[0], until[-1])
        return Counts(self.buckets[kept], self.counts[kept], until - until[0])


@dataclass(frozen=True, slots=True)
class Read:
    """What n texts have of each kind: words and pairs of words, runs of bytes.

    ``vocabulary`` (n) is how many different words each has.
    """

    words: Counts
    runs: Counts
    vocabulary: Indices


def count(tokens: Tokens, two: Hashes) -> Read:
    """Count all kinds in one pass over their keys; ``two`` are ``pairs(tokens.hashes)``."""
    texts = len(tokens)
    mixed = (tokens.hashes * _MIX) >> _SHIFT
    words, rows = _words(tokens, mixed, two)
    runs, of_runs = _runs(tokens)
    buckets = np.concatenate([words, runs, mixed[tokens.word].astype(np.uint32)])
    kinds = [rows, of_runs + texts, tokens.text[tokens.word] + 2 * texts]
    found = _count(buckets, np.concatenate(kinds), 3 * texts, _sorts(len(words), of_runs, texts))
    return Read(
        found.part(0, texts), found.part(texts, 2 * texts), np.diff(found.until[2 * texts :])
    )


def _sorts(words: int, of_runs: Indices, texts: int) -> list[slice]:
    """What to sort by itself: the runs of each text are apart already, and fit a nearer cache."""
    if texts == 1:
        return [slice(None)]
    ends = words + np.searchsorted(of_runs, np.arange(texts + 1))
    cuts = [0, *ends.tolist()]
    return [slice(a, b) for a, b in pairwise(cuts)] + [slice(cuts[-1], None)]


def _words(tokens: Tokens, mixed: Hashes, two: Hashes) -> tuple[Buckets, Indices]:
    """Buckets of words, pairs, and the first and the last of each; and whose they are."""
    hashes, text, until = tokens.hashes, tokens.text, tokens.until
    same = text[1:] == text[:-1]
    sizes = until[1:] - until[:-1]
    any_, several = np.flatnonzero(sizes), np.flatnonzero(sizes > 1)
    first, last = until[any_], until[any_ + 1] - 1
    second, second_last = until[several], until[several + 1] - 2
    ends = [hashes[first] * _FIRST, hashes[last] * _LAST]
    ends += [two[second] * _FIRST, two[second_last] * _LAST]
    rest = (np.concatenate([two[same], *ends]) * _MIX) >> _SHIFT
    rows = np.concatenate([text, text[1:][same], any_, any_, several, several])
    return np.concatenate([mixed, rest]).astype(np.uint32), rows


def _runs(tokens: Tokens) -> tuple[Buckets, Indices]:
    """Buckets of runs of four bytes, all digits alike; and whose they are."""
    data = _FOLD[tokens.data]
    if len(data) < _RUN:
        return np.zeros(0, np.uint32), np.zeros(0, np.intp)
    fours = np.ndarray(len(data) - _RUN + 1, "<u4", data.data, strides=(1,))
    buckets = (fours * _RUN_MIX) >> np.uint32(32 - BITS)
    lengths = np.maximum(0, tokens.last - tokens.first - _RUN + 1)
    rows = np.repeat(np.arange(len(tokens)), lengths)
    if len(tokens) == 1:
        return buckets[: len(rows)], rows
    at = np.arange(len(rows)) + np.repeat(tokens.first - np.cumsum(lengths) + lengths, lengths)
    return buckets[at], rows


def _count(buckets: Buckets, rows: Indices, texts: int, sorts: Sequence[slice]) -> Counts:
    keys = (rows.astype(np.uint32) << np.uint32(BITS)) | buckets
    for part in sorts:
        keys[part].sort()
    edge = np.ones(len(keys) + 1, dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=edge[1:-1])
    edges = np.flatnonzero(edge)
    distinct = keys[edges[:-1]]
    until = np.searchsorted(distinct, np.arange(texts + 1, dtype=np.uint32) << np.uint32(BITS))
    return Counts((distinct & np.uint32(BUCKETS - 1)).astype(np.intp), np.diff(edges), until)


def merge(parts: Sequence[Counts]) -> Counts:
    """The counts of texts read in several blocks."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        nothing = np.zeros(0, dtype=np.intp)
        return Counts(nothing, nothing, np.zeros(1, dtype=np.intp))
    sizes = np.concatenate([[0], *(np.diff(part.until) for part in parts)])
    return Counts(
        np.concatenate([part.buckets for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.cumsum(sizes),
    )
