"""Phrases of some tokens as a hash table that is looked up for all tokens of a batch at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Indices
from predictor.features.tokens import Bytes, Hashes, Tokens, tokenise

Masks = NDArray[np.uint64]

_NEXT, _MIX = np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x9E3779B97F4A7C15)
_BITS = 17  # of a mixed hash that choose a slot
_SHIFT = np.uint64(64 - _BITS)
_GOES_ON, _ENDS = np.uint8(1), np.uint8(2)
_FEW = 12
"""Tokens that are read one by one: a numpy operation takes as long as some ten of them."""
_WORD = (1 << 64) - 1
_NEXT_INT, _MIX_INT, _SHIFT_INT = int(_NEXT), int(_MIX), int(_SHIFT)
_ON, _END = int(_GOES_ON), int(_ENDS)


@dataclass(frozen=True, slots=True)
class PhraseTable:
    """Phrases by group; group i of ``groups`` is bit i of a mask.

    ``slots`` (2**_BITS) tells by the first bits of a mixed hash whether some phrase goes on after
    such tokens or ends with them. ``keys`` are the sorted hashes of the phrases, ``masks`` their
    groups.
    """

    groups: tuple[str, ...]
    slots: Bytes
    keys: Hashes
    masks: Masks
    by_key: Mapping[int, int] = field(init=False, repr=False, compare=False)
    """``masks`` by ``keys``."""

    def __post_init__(self) -> None:
        by_key = dict(zip(self.keys.tolist(), self.masks.tolist(), strict=True))
        object.__setattr__(self, "by_key", by_key)

    @classmethod
    def build(cls, phrases: Mapping[str, Iterable[str]]) -> PhraseTable:
        """The table of the phrases of each group; a ValueError for more than 64 groups."""
        if len(phrases) > 64:
            raise ValueError("a mask has 64 bits, one for each group of phrases")
        found: dict[int, int] = {}
        slots = np.zeros(1 << _BITS, dtype=np.uint8)
        for bit, group in enumerate(phrases.values()):
            for key in _enter(group, slots).tolist():
                found[key] = found.get(key, 0) | 1 << bit
        keys = np.array(sorted(found), dtype=np.uint64)
        masks = np.array([found[key] for key in keys.tolist()], dtype=np.uint64)
        return cls(tuple(phrases), slots, keys, masks)

    def bits(self, *groups: str) -> int:
        """The mask of some groups; a ValueError for an unknown group."""
        return reduce(or_, (1 << self.groups.index(group) for group in groups), 0)

    def find(self, tokens: Tokens, starts: Indices) -> dict[int, int]:
        """The groups of the phrases that start at the tokens ``starts``, by first token.

        Tokens at which no phrase starts are left out; a phrase lies within one text.
        """
        found: list[tuple[int, int, int]] = []
        at = last = starts
        keys = tokens.hashes.take(starts)
        while len(at) > _FEW:
            known = self.slots.take(_slot(keys))
            ends = (known >= _ENDS).nonzero()[0]
            if len(ends):
                parts = at.take(ends).tolist(), last.take(ends).tolist(), keys.take(ends).tolist()
                found += zip(*parts, strict=True)
            goes_on = (known & _GOES_ON).nonzero()[0]
            at, last = at.take(goes_on), last.take(goes_on) + 1
            keys = (keys.take(goes_on) * _NEXT) ^ tokens.hashes.take(last, mode="clip")
        for first, end, key in zip(at.tolist(), last.tolist(), keys.tolist(), strict=True):
            found += [(first, *phrase) for phrase in self._read_on(tokens.hashes, end, key)]
        return self._masks(tokens, found)

    def _read_on(self, hashes: Hashes, last: int, key: int) -> Iterator[tuple[int, int]]:
        """As the loop of ``find`` for one first token: last tokens and hashes of phrases.

        ``last`` is the last token read so far, ``key`` the hash up to there.
        """
        while known := self.slots.item((key * _MIX_INT & _WORD) >> _SHIFT_INT):
            if known >= _END:
                yield last, key
            if not known & _ON:
                return
            last += 1
            key = (key * _NEXT_INT & _WORD) ^ hashes.item(min(last, len(hashes) - 1))

    def _masks(self, tokens: Tokens, found: Iterable[tuple[int, int, int]]) -> dict[int, int]:
        """The groups of the phrases of ``found``: first token, last token and hash."""
        masks: dict[int, int] = {}
        ends = tokens.offsets.tolist()
        for first, last, key in found:
            mask = self.by_key.get(key, 0)
            if mask and (last == first or last < ends[tokens.text.item(first) + 1]):
                masks[first] = masks.get(first, 0) | mask
        return masks


def _slot(keys: Hashes) -> Indices:
    return ((keys * _MIX) >> _SHIFT).view(np.intp)


def _enter(phrases: Iterable[str], slots: Bytes) -> Hashes:
    """The hashes of the phrases; marks, in ``slots``, the phrases and their beginnings."""
    read = tokenise([*phrases])
    first, last = read.offsets[:-1].copy(), read.offsets[1:] - 1
    keys = read.hashes[first]
    while (longer := (first < last).nonzero()[0]).size:
        slots[_slot(keys[longer])] |= _GOES_ON
        first[longer] += 1
        keys[longer] = (keys[longer] * _NEXT) ^ read.hashes[first[longer]]
    slots[_slot(keys)] |= _ENDS
    return keys
