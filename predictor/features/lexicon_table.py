"""The lexicon as a table of hashes: what each token of a batch means, in a few array look-ups."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices
from predictor.features.lexicon import (
    ARTICLES,
    ASSENT,
    BOUNDING,
    CURT,
    GROUPS,
    ITEMS,
    LIMITING,
    MEASURES,
    NUMBER_WORDS,
    OPENERS,
    PHRASES,
    SAYING,
    UNIT_TOKENS,
    WORDS,
)
from predictor.features.tokens import Hashes, Tokens, pairs, read, triples

_MORE_ITEMS = ("strategies", "countries", "activities")
_UNITS = UNIT_TOKENS | {unit + "s": tokens for unit, tokens in UNIT_TOKENS.items()}
_ITEM_WORDS = {*ITEMS, *(item + "s" for item in ITEMS), *_MORE_ITEMS}
_FLAGS = ("item", "measure", "limiting", "bounding", "article", "curt", "saying", "assent")
_FLAGGED = (_ITEM_WORDS, MEASURES, LIMITING, BOUNDING, ARTICLES, CURT, SAYING, ASSENT)
_SHIFT = np.uint64(48)
_MIX = 0x3E72164118072E8D  # chosen so that no two entries share a slot


@dataclass(frozen=True, slots=True)
class Table:
    """Entries by hash. ``slots`` (65,536) leads from a hash's first bits to an entry, 0 to none.

    Of each entry: ``hashes``, its ``group`` and another (-1: none), the ``number`` that it names,
    the tokens of a ``unit`` of length (NaN: none), its ``opener`` code, and whether it is an
    ``item`` to list, the ``measure`` of a whole answer, ``limiting`` the number behind it, or
    ``bounding`` it in a long text too, an ``article``, ``curt``: a demand for yes or no,
    ``saying``, or the ``assent`` to be said.
    """

    slots: NDArray[np.int16]
    hashes: Hashes
    group: NDArray[np.int16]
    other: NDArray[np.int16]
    number: Array
    unit: Array
    opener: Array
    item: Flags
    measure: Flags
    limiting: Flags
    bounding: Flags
    article: Flags
    curt: Flags
    saying: Flags
    assent: Flags

    def find(self, hashes: Hashes) -> Indices:
        """The entry of each hash, 0 for none."""
        entry: Indices = self.slots[(hashes * np.uint64(_MIX)) >> _SHIFT].astype(np.intp)
        entry[self.hashes[entry] != hashes] = 0
        return entry


@dataclass(frozen=True, slots=True)
class Found:
    """The entries that the t tokens of a batch begin, 0 for none, and the ``text`` of each.

    First of each token by itself (t), then with the next (t - 1), then with the next two (t - 2).
    """

    entry: Indices
    text: Indices
    tokens: int

    @property
    def one(self) -> Indices:
        """The entry of each token by itself."""
        return self.entry[: self.tokens]

    @property
    def three(self) -> Indices:
        """The entry of each token with the next two."""
        return self.entry[max(0, 2 * self.tokens - 1) :]


def find(tokens: Tokens, two: Hashes) -> Found:
    """Look up all tokens, pairs and triples of a batch; ``two`` are ``pairs(tokens.hashes)``."""
    text = tokens.text
    count = len(text)
    entry = TABLE.find(np.concatenate([tokens.hashes, two, triples(tokens.hashes, two)]))
    pair = entry[count : 2 * count - 1]
    pair[text[1:] != text[:-1]] = 0
    three = entry[count + len(pair) :]
    three[text[2:] != text[:-2]] = 0
    return Found(entry, np.concatenate([text, text[:-1], text[:-2]]), count)


def _hash(phrase: str) -> int:
    hashes = read([phrase]).hashes
    two = pairs(hashes)
    return int({1: hashes, 2: two, 3: triples(hashes, two)}[len(hashes)][0])


def _build() -> Table:
    groups: dict[int, list[int]] = {}
    spelt = [(group, word) for group, words in WORDS.items() for word in words.split()]
    spelt += [(group, phrase) for group, phrases in PHRASES.items() for phrase in phrases]
    for group, phrase in spelt:
        groups.setdefault(_hash(phrase), []).append(GROUPS.index(group))
    numbers = {_hash(word): float(value) for word, value in NUMBER_WORDS.items()}
    units = {_hash(word): tokens for word, tokens in _UNITS.items()}
    flags = [{_hash(word) for word in words} for words in _FLAGGED]
    openers = {_hash(word): float(code) for code, word in enumerate(OPENERS)}
    keys = sorted({*groups, *numbers, *units, *set().union(*flags), *openers})
    slots = np.zeros(1 << 16, dtype=np.int16)
    for at, key in enumerate(keys):
        slot = (key * _MIX) % (1 << 64) >> 48
        if slots[slot]:
            raise ValueError("two words of the lexicon share a slot; choose another _MIX")
        slots[slot] = at + 1
    return Table(
        slots=slots,
        hashes=np.array([0, *keys], dtype=np.uint64),
        group=np.array([-1, *(groups.get(key, [-1])[0] for key in keys)], dtype=np.int16),
        other=np.array([-1, *([*groups.get(key, []), -1, -1][1] for key in keys)], dtype=np.int16),
        number=np.array([nan, *(numbers.get(key, nan) for key in keys)]),
        unit=np.array([nan, *(units.get(key, nan) for key in keys)]),
        opener=np.array([-1.0, *(openers.get(key, -1.0) for key in keys)]),
        **{
            name: np.array([False, *(key in flagged for key in keys)])
            for name, flagged in zip(_FLAGS, flags, strict=True)
        },
    )


TABLE = _build()
