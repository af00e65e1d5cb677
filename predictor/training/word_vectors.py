"""Makes the table of word vectors (features/words.npz) from a BERT's token embeddings.

    python -m predictor.training.word_vectors [--base DIR] [--out FILE]

Needs torch and the BERT's weights, as ``lengthwise train --encoder`` does. The table holds whole
words of the BERT's vocabulary, which is in order of frequency. No text and no length is needed.
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
from predictor.files import check_file

WORDS = 22_000

_RARE = 1e-3  # a word of this frequency has half the weight of a very rare word
_SYMBOL_WEIGHT = 0.3  # of punctuation and digits
_EMBEDDINGS = "embeddings.word_embeddings.weight"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the table; raises DataError if the BERT's weights cannot be read."""
    from predictor.training.refined import weights  # noqa: PLC0415 - only this needs torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, help="directory of a BERT (default: the package's)")
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    check_file(options.out)
    base = weights.read(weights.find(options.base))
    vocabulary: dict[str, int] = json.loads(base.tokenizer)["model"]["vocab"]
    words = whole_words(sorted(vocabulary, key=vocabulary.__getitem__), WORDS)
    embeddings = base.tensors[_EMBEDDINGS].numpy()[[vocabulary[word] for word in words]]
    frequency = zipf_frequencies(words)
    vectors = principal_components(embeddings, frequency, SIZE)
    write(options.out, words, vectors, word_weights(words, frequency))
    print(f"{options.out}: {len(words)} words, {options.out.stat().st_size / 1e6:.2f} MB")
    return 0


def whole_words(vocabulary: Sequence[str], count: int) -> list[str]:
    """The first ``count`` entries that are exactly one token of ``features.tokens``.

    Each token occurs once; entries of ASCII letters come first.
    """
    words: dict[int, str] = {}
    for word in vocabulary:
        if not word.startswith(("##", "[")) or len(word) == 1:
            hashes = tokens.tokenise([word]).hashes
            if len(hashes) == 1:
                words.setdefault(int(hashes[0]), word)
        if len(words) == count:
            break
    return sorted(words.values(), key=lambda word: not word.isascii())


def zipf_frequencies(words: Sequence[str]) -> Array:
    """Relative frequencies by rank (Zipf's law); a symbol has the rank of the word before it."""
    is_word = np.array([len(word) > 1 for word in words])
    rank = np.maximum(0, np.cumsum(is_word) - 1)
    return np.asarray(0.1 / (rank + 3.0))


def word_weights(words: Sequence[str], frequency: Array) -> Single:
    """The words' weights in a mean of vectors: rare words weigh more (Arora, Liang and Ma 2017)."""
    weight = _RARE / (_RARE + frequency)
    symbol = np.array([len(word) == 1 for word in words])
    return np.where(symbol, _SYMBOL_WEIGHT, weight).astype(np.float32)


def principal_components(embeddings: Single, frequency: Array, size: int) -> Single:
    """The first ``size`` principal components of the unit embeddings (words x size).

    The square root of a word's ``frequency`` is the word's weight.
    """
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    weight = np.sqrt(frequency)
    centred = units - np.average(units, axis=0, weights=weight)
    _, _, right = np.linalg.svd(centred * np.sqrt(weight)[:, None], full_matrices=False)
    return np.asarray(centred @ right[:size].T, dtype=np.float32)


if __name__ == "__main__":
    sys.exit(main())
