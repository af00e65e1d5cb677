"""Makes the word vectors of ``features.word_vectors`` from a BERT's token embeddings.

    python -m predictor.training.word_vectors [--base DIR] [--out predictor/words.npz]

Needs torch and the weights, as ``lengthwise train --encoder`` does. Whole words of its vocabulary,
which stands in order of frequency; no text and no length is needed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from predictor.arrays import Array, Single
from predictor.features import tokens
from predictor.features.word_vectors import FILE, SIZE, write

WORDS = 22_000

_RARE = 1e-3  # a word of this frequency has half of the weight of a very rare one
_SYMBOL = 0.3  # the weight of punctuation and digits
_EMBEDDINGS = "embeddings.word_embeddings.weight"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the table; raises DataError if the weights cannot be read."""
    from predictor.training.refined import weights  # noqa: PLC0415 - torch, which nothing else needs

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, help="a BERT's directory (default: the package's)")
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    base = weights.read(weights.find(options.base))
    vocabulary: dict[str, int] = json.loads(base.tokenizer)["model"]["vocab"]
    words = whole_words(sorted(vocabulary, key=vocabulary.__getitem__), WORDS)
    embeddings = base.tensors[_EMBEDDINGS].numpy()[[vocabulary[word] for word in words]]
    frequency = frequencies(words)
    vectors = reduced(embeddings, frequency, SIZE)
    write(options.out, words, vectors, importance(words, frequency))
    print(f"{options.out}: {len(words)} words, {options.out.stat().st_size / 1e6:.2f} MB")
    return 0


def whole_words(vocabulary: Sequence[str], count: int) -> list[str]:
    """The first ``count`` entries that are one token of ours, each once; plain letters first."""
    found: dict[int, str] = {}
    for word in vocabulary:
        if not word.startswith(("##", "[")) or len(word) == 1:
            hashes = tokens.tokenise([word]).hashes
            if len(hashes) == 1:
                found.setdefault(int(hashes[0]), word)
        if len(found) == count:
            break
    return sorted(found.values(), key=lambda word: not word.isascii())


def frequencies(words: Sequence[str]) -> Array:
    """How often words occur, from their order alone (Zipf's law); symbols like the first word."""
    is_word = np.array([len(word) > 1 for word in words])
    rank = np.maximum(0, np.cumsum(is_word) - 1)
    return np.asarray(0.1 / (rank + 3.0))


def importance(words: Sequence[str], frequency: Array) -> Single:
    """Weights of words in a mean: rare ones say more (Arora, Liang and Ma 2017)."""
    weight = _RARE / (_RARE + frequency)
    symbol = np.array([len(word) == 1 for word in words])
    return np.where(symbol, _SYMBOL, weight).astype(np.float32)


def reduced(embeddings: Single, frequency: Array, size: int) -> Single:
    """The directions that matter most: principal components, words weighed by frequency."""
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    weight = np.sqrt(frequency)
    centred = units - np.average(units, axis=0, weights=weight)
    _, _, right = np.linalg.svd(centred * np.sqrt(weight)[:, None], full_matrices=False)
    return np.asarray(centred @ right[:size].T, dtype=np.float32)


if __name__ == "__main__":
    sys.exit(main())
