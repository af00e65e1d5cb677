"""Mean word vectors of a text: over the first ``_READ`` tokens, and over the first words.

The vector of a word that no training prompt has is near the vectors of related words that training
prompts have. ``training.word_vectors`` makes the vectors from the token embeddings of
all-MiniLM-L6-v2 (Apache-2.0) for whole words, in fewer dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Indices, Single
from predictor.features.tokens import Hashes, Tokens, blocks, tokenise

FILE = Path(__file__).parent / "words.npz"
SIZE = 64
"""Dimensions of a vector."""
PARTS = 2
"""Means of each text: over all words that are read, and over the first words."""

_FIRST = 16  # tokens with a vector in the mean of the first words
_READ = 160  # tokens of a text that are read; later tokens count in neither mean
_STEPS = 127.0  # the largest stored integer of a vector
_BITS = 17
_SHIFT = np.uint64(64 - _BITS)
_MIX = np.uint64(0xC6A4A7935BD1E995)


@dataclass(frozen=True, slots=True)
class WordTable:
    """Word vectors by hash; word 0 stands for no word.

    ``slots`` gives the word for the first bits of a mixed hash. Each word has ``hashes`` and
    ``vectors`` (SIZE + 1): the word's vector times the word's weight in a mean, then the weight.
    """

    slots: NDArray[np.uint16]
    hashes: Hashes
    vectors: Single

    @classmethod
    def build(cls, words: Sequence[str], vectors: Single, weights: Single) -> WordTable:
        """The table of ``words``, most frequent first; a slot keeps its most frequent word.

        Raises:
            ValueError: a word is not one token.
        """
        hashes = np.concatenate([tokenise(words[part]).hashes for part in blocks(words)])
        if len(hashes) != len(words):
            raise ValueError(
                "a word of the table is not one token; make the table again with "
                "`python -m predictor.training.word_vectors`"
            )
        slots = np.zeros(1 << _BITS, dtype=np.uint16)
        slots[_slot(hashes)[::-1]] = np.arange(len(words), 0, -1)
        rows = np.column_stack([vectors * weights[:, None], weights])
        return cls(
            slots,
            np.append(np.zeros(1, np.uint64), hashes),
            np.concatenate([np.zeros((1, rows.shape[1])), rows]).astype(np.float32),
        )

    def find(self, hashes: Hashes) -> Indices:
        """The word of each hash; 0 for none."""
        word: Indices = self.slots.take(_slot(hashes)).astype(np.intp)
        word *= self.hashes.take(word) == hashes
        return word


def _slot(hashes: Hashes) -> Indices:
    return ((hashes * _MIX) >> _SHIFT).view(np.intp)


@cache
def shipped_table() -> WordTable:
    """The word vectors that ship with the package."""
    with np.load(FILE, allow_pickle=False) as stored:
        words = stored["words"].tobytes().decode().split("\n")
        vectors = stored["vectors"].astype(np.float32) * (stored["largest"] / _STEPS)
        return WordTable.build(words, vectors, stored["weights"].astype(np.float32))


def mean_vectors(tokens: Tokens) -> Single:
    """The weighted means of each text, n x (PARTS * SIZE): all words read, then the first words.

    Words without a vector do not count; a text whose words all lack a vector has zeros.
    """
    table = shipped_table()
    early, hashes = _first_tokens(tokens), tokens.hashes
    word = table.find(hashes if early is None else hashes.take(early))
    known = word.nonzero()[0]
    offsets = (known if early is None else early.take(known)).searchsorted(tokens.offsets)
    vectors = table.vectors.take(np.concatenate([word.take(known), _NO_WORD]), axis=0)
    edges = np.empty((len(tokens), 3), dtype=np.intp)
    edges[:, 0], edges[:, 2] = offsets[:-1], offsets[1:]
    np.minimum(edges[:, 0] + _FIRST, edges[:, 2], out=edges[:, 1])
    sums = np.add.reduceat(vectors, edges[:, :2].ravel()).reshape(-1, 2, SIZE + 1)
    sums *= (edges[:, 1:] > edges[:, :-1])[:, :, None]  # reduceat has no empty range
    whole = sums[:, 0] + sums[:, 1]
    both = [part[:, :SIZE] / np.maximum(part[:, SIZE:], _TINY) for part in (whole, sums[:, 0])]
    return np.concatenate(both, axis=1)


def _first_tokens(tokens: Tokens) -> Indices | None:
    """The first _READ tokens of each text; None: all tokens."""
    if len(tokens.text) <= _READ:
        return None
    early = np.ones(len(tokens.text), dtype=bool)
    offsets = tokens.offsets.tolist()
    for start, end in pairwise(offsets):
        early[start + _READ : end] = False
    return early.nonzero()[0]


_TINY = np.float32(1e-9)
_NO_WORD = np.zeros(1, dtype=np.intp)


def write(path: Path, words: Sequence[str], vectors: Single, weights: Single) -> None:
    """Write the file that ``shipped_table`` reads.

    Of W ``words``, ``vectors`` (W x SIZE) and ``weights`` (W) are stored in lower precision.
    """
    largest = np.abs(vectors).max(axis=0)
    np.savez_compressed(
        path,
        words=np.frombuffer("\n".join(words).encode(), dtype=np.uint8),
        vectors=np.rint(vectors / largest * _STEPS).astype(np.int8),
        largest=largest.astype(np.float32),
        weights=weights.astype(np.float16),
    )
