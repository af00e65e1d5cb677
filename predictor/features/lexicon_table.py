"""The lexicon as a hash table that looks up all tokens of a batch at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Flags, Indices
from predictor.features.lexicon import (
    ASSENT,
    GROUPS,
    NUMBER_WORDS,
    OPENERS,
    PHRASES,
    REPLYING,
    WORDS,
    YES_OR_NO,
)
from predictor.features.tokens import Hashes, Tokens, bigrams, tokenise, trigrams

_FLAGS = ("yes_or_no", "replying", "assent")
_FLAGGED = (YES_OR_NO, REPLYING, ASSENT)
_SHIFT = np.uint64(48)
_MIX = 0x3E72164118072E8D  # chosen so that no two entries share a slot


@dataclass(frozen=True, slots=True)
class LexiconTable:
    """The entries of the lexicon by hash; entry 0 stands for no entry.

    ``slots`` (65,536) gives the entry for the first 16 bits of a mixed hash. The other arrays have
    one value for each entry: ``hashes``; the index of a ``group`` and of a ``second_group`` (-1:
    none); the ``number`` that a word names (NaN: none); the ``opener`` code (-1: none). Flags: a
    demand for yes or no (``yes_or_no``), a word for answering (``replying``), and a word of
    ``assent``.
    """

    slots: NDArray[np.int16]
    hashes: Hashes
    group: NDArray[np.int16]
    second_group: NDArray[np.int16]
    number: Array
    opener: Array
    yes_or_no: Flags
    replying: Flags
    assent: Flags

    def find(self, hashes: Hashes) -> Indices:
        """The entry of each hash; 0 for none."""
        slots = ((hashes * np.uint64(_MIX)) >> _SHIFT).view(np.intp)
        entry: Indices = self.slots.take(slots).astype(np.intp)
        entry *= self.hashes.take(entry) == hashes
        return entry


@dataclass(frozen=True, slots=True)
class LexiconMatches:
    """The lexicon's entries for the tokens, bigrams and trigrams of a batch of t tokens.

    Each of the m matches has its ``entry``, its ``first`` token, and its ``text``: words first,
    then bigrams, then trigrams. ``unigrams`` (t) is the entry of each token (0: none).
    """

    entry: Indices
    first: Indices
    text: Indices
    unigrams: Indices


def match_lexicon(tokens: Tokens, pairs: Hashes) -> LexiconMatches:
    """Look up all tokens of a batch; ``pairs`` are ``bigrams(tokens.hashes)``.

    A bigram or trigram across the border of two texts has no entry.
    """
    count = len(tokens.text)
    entry = LEXICON.find(np.concatenate([tokens.hashes, pairs, trigrams(tokens.hashes, pairs)]))
    at = entry.nonzero()[0]
    words, short = at.searchsorted((count, 2 * count - 1)).tolist() if count else (0, 0)
    first = at.copy()
    first[words:short] -= count
    first[short:] -= 2 * count - 1
    last = first.copy()
    last[words:short] += 1
    last[short:] += 2
    text = tokens.text.take(first)
    whole = (text == tokens.text.take(last)).nonzero()[0]
    return LexiconMatches(
        entry.take(at.take(whole)), first.take(whole), text.take(whole), entry[:count]
    )


def _hash(phrase: str) -> int:
    hashes = tokenise([phrase]).hashes
    pairs = bigrams(hashes)
    return int({1: hashes, 2: pairs, 3: trigrams(hashes, pairs)}[len(hashes)][0])


def _build() -> LexiconTable:
    groups: dict[int, list[int]] = {}
    spelt = [(group, word) for group, words in WORDS.items() for word in words.split()]
    spelt += [(group, phrase) for group, phrases in PHRASES.items() for phrase in phrases]
    for group, phrase in spelt:
        groups.setdefault(_hash(phrase), []).append(GROUPS.index(group))
    numbers = {_hash(word): float(value) for word, value in NUMBER_WORDS.items()}
    flags = [{_hash(word) for word in words} for words in _FLAGGED]
    openers = {_hash(word): float(code) for code, word in enumerate(OPENERS)}
    keys = sorted({*groups, *numbers, *set().union(*flags), *openers})
    slots = np.zeros(1 << 16, dtype=np.int16)
    for index, key in enumerate(keys):
        slot = (key * _MIX) % (1 << 64) >> 48
        if slots[slot]:
            raise ValueError("two words of the lexicon share a slot; choose another _MIX")
        slots[slot] = index + 1
    return LexiconTable(
        slots=slots,
        hashes=np.array([0, *keys], dtype=np.uint64),
        group=np.array([-1, *(groups.get(key, [-1])[0] for key in keys)], dtype=np.int16),
        second_group=np.array(
            [-1, *([*groups.get(key, []), -1, -1][1] for key in keys)], dtype=np.int16
        ),
        number=np.array([nan, *(numbers.get(key, nan) for key in keys)]),
        opener=np.array([-1.0, *(openers.get(key, -1.0) for key in keys)]),
        **{
            name: np.array([False, *(key in flagged for key in keys)])
            for name, flagged in zip(_FLAGS, flags, strict=True)
        },
    )


LEXICON = _build()
