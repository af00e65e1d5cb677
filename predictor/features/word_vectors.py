"""What a text is about: the mean of its words' vectors, over all of it and over its beginning.

A word that the lengths' prompts never had lies near others that they had. ``wordtable`` made the
vectors: the token embeddings of all-MiniLM-L6-v2 (Apache-2.0) for whole words, in fewer dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Indices, Single
from predictor.features.tokens import Hashes, Tokens, blocks, read

FILE = Path(__file__).parent / "words.npz"
SIZE = 64
"""Dimensions of a vector."""
PARTS = 2
"""Means of each text: over all of its words, and over the first ones."""

_FIRST = 16  # words (and other tokens): the beginning, which says what is to be done
_READ = 160  # tokens of a text that count: what it is about, it says early
_STEPS = 127.0  # of a stored vector, at its largest value
_BITS = np.uint64(17)
_MIX = np.uint64(0xC6A4A7935BD1E995)


@dataclass(frozen=True, slots=True)
class Table:
    """Words by hash. ``slots`` leads from a hash's first bits to a word, 0 to none.

    Of each word (the first is none): ``hashes``, and ``vectors`` (SIZE + 1), times its weight in a
    mean; last the weight.
    """

    slots: NDArray[np.uint16]
    hashes: Hashes
    vectors: Single

    @classmethod
    def of(cls, words: Sequence[str], vectors: Single, weights: Single) -> Table:
        """The table of words in order of frequency: of two for a slot the first has it."""
        hashes = np.concatenate([read(words[part]).hashes for part in blocks(words)])
        if len(hashes) != len(words):
            raise ValueError("a word of the table is not one token; make it again with wordtable")
        slots = np.zeros(1 << int(_BITS), dtype=np.uint16)
        slots[_slot(hashes)[::-1]] = np.arange(len(words), 0, -1)
        rows = np.column_stack([vectors * weights[:, None], weights])
        return cls(
            slots,
            np.append(np.zeros(1, np.uint64), hashes),
            np.concatenate([np.zeros((1, rows.shape[1])), rows]).astype(np.float32),
        )

    def find(self, hashes: Hashes) -> Indices:
        """The word of each hash, 0 for none."""
        word: Indices = self.slots[_slot(hashes)].astype(np.intp)
        word[self.hashes[word] != hashes] = 0
        return word


def _slot(hashes: Hashes) -> Hashes:
    return (hashes * _MIX) >> (np.uint64(64) - _BITS)


@cache
def table() -> Table:
    """The words that ship."""
    with np.load(FILE, allow_pickle=False) as stored:
        words = stored["words"].tobytes().decode().split("\n")
        vectors = stored["vectors"].astype(np.float32) * (stored["largest"] / _STEPS)
        return Table.of(words, vectors, stored["weights"].astype(np.float32))


def means(tokens: Tokens) -> Single:
    """The weighted means of each text, n x (PARTS * SIZE): all that counts, then its beginning.

    Words without a vector do not count; a text without any has zeros.
    """
    words = table()
    early = np.flatnonzero(np.arange(len(tokens.text)) - tokens.until[tokens.text] < _READ)
    found = words.find(tokens.hashes[early])
    seen = np.flatnonzero(found)
    until = np.searchsorted(early[seen], tokens.until)
    vectors = words.vectors[np.append(found[seen], 0)]
    start, end = until[:-1], until[1:]
    edge = np.minimum(start + _FIRST, end)
    sums = np.add.reduceat(vectors, np.array([start, edge]).T.ravel()).reshape(-1, 2, SIZE + 1)
    sums *= np.array([edge > start, end > edge]).T[:, :, None]  # reduceat takes one of none
    whole = sums[:, 0] + sums[:, 1]
    both = [part[:, :SIZE] / np.maximum(part[:, SIZE:], _TINY) for part in (whole, sums[:, 0])]
    return np.concatenate(both, axis=1)


_TINY = np.float32(1e-9)


def write(path: Path, words: Sequence[str], vectors: Single, weights: Single) -> None:
    """Write the file that ``table`` reads."""
    largest = np.abs(vectors).max(axis=0)
    np.savez_compressed(
        path,
        words=np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        vectors=np.rint(vectors / largest * _STEPS).astype(np.int8),
        largest=largest.astype(np.float32),
        weights=weights.astype(np.float16),
    )
