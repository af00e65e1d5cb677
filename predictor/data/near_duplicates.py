"""Groups of near-duplicate texts: those that share half of their 5-grams.

Jaccard's index of two sets of 5-grams is at least 0.5. 5-grams are of words, and of characters in
scripts without spaces. Pairs are found by MinHash with bands (Broder 1997) and then verified. Texts
made from one template are near-duplicates unless most of them is what the template is filled with.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Indices

ALIKE = 0.5
"""Jaccard's index from which two texts are near-duplicates."""

_GRAM = 5
_BANDS, _ROWS = 24, 3  # finds a pair of index 0.5 with probability 0.96
_LONGEST = 6_000  # characters of a text that are compared
_UNITS = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")

Grams = NDArray[np.uint64]


def groups(texts: Sequence[str]) -> Indices:
    """A number for each text's group; near-duplicates, and what links them, have the same."""
    known: dict[str, int] = {}
    number = np.array([known.setdefault(text, len(known)) for text in texts], dtype=np.intp)
    return _joined([_grams(text) for text in known])[number]


def _grams(text: str) -> Grams:
    """The distinct hashed 5-grams of a text; a shorter text is one gram."""
    units = _UNITS.findall(text[:_LONGEST].lower()) or [text]
    hashed = np.array([zlib.crc32(unit.encode("utf-8", "replace")) for unit in units], np.uint64)
    count = max(1, len(hashed) - _GRAM + 1)
    mixed = np.zeros(count, dtype=np.uint64)
    for offset in range(min(_GRAM, len(hashed))):
        mixed = _mix(mixed ^ hashed[offset : offset + count])
    return np.unique(mixed)


def _mix(values: Grams) -> Grams:
    """A hash of each 64-bit number (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _joined(grams: list[Grams]) -> Indices:
    parent = list(range(len(grams)))
    for first, second in _candidates(grams):
        one, other = _root(parent, first), _root(parent, second)
        if one != other and _jaccard(grams[first], grams[second]) >= ALIKE:
            parent[max(one, other)] = min(one, other)
    return np.array([_root(parent, index) for index in range(len(grams))], dtype=np.intp)


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = index = parent[parent[index]]
    return index


def _jaccard(one: Grams, other: Grams) -> float:
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common)


def _candidates(grams: list[Grams]) -> Iterator[tuple[int, int]]:
    """Pairs of texts with an equal band; each is paired with the first of its band."""
    starts = np.cumsum([0, *(len(own) for own in grams[:-1])])
    every = np.concatenate(grams)
    for band in range(_BANDS):
        key = np.zeros(len(grams), dtype=np.uint64)
        for row in range(_ROWS):
            salt = _mix(np.array([band * _ROWS + row + 1], dtype=np.uint64))
            key = _mix(key ^ np.minimum.reduceat(_mix(every ^ salt), starts))
        order = np.argsort(key, kind="stable")
        same = key[order][1:] == key[order][:-1]
        yield from zip(order[:-1][same].tolist(), order[1:][same].tolist(), strict=True)
