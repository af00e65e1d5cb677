"""Words of a deployment's own: which of them mean longer answers than the model knows otherwise.

A refit learns the weights from the texts of served traffic. No column of the boosters' inputs
depends on them, so a logged request can be forecast with other weights, or without any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Single
from predictor.fast.formulas import trusted
from predictor.fast.location import damping
from predictor.fast.text_model import tf_idf
from predictor.features.ngrams import BUCKETS, BucketCounts

STORED = "learned_words"
"""The name of the weights in a model directory. A model that was not refitted to texts has none."""

MOST = 2.0
"""The most log tokens by which words move a forecast: a factor of 7.4."""


@dataclass(frozen=True, slots=True)
class LearnedWords:
    """The ``weights`` (BUCKETS, log tokens) of words and pairs of words, as ``idf`` scales them."""

    weights: Single
    idf: Single

    @classmethod
    def from_arrays(cls, stored: Mapping[str, NDArray[Any]]) -> LearnedWords | None:
        """The words in the arrays of a model directory; None if the model has learned none.

        Raises:
            ValueError: the weights have another size than the buckets.
        """
        if STORED not in stored:
            return None
        if stored[STORED].shape != (BUCKETS,):
            raise ValueError(f"{STORED} has the shape {stored[STORED].shape}, not ({BUCKETS},)")
        idf = stored["text_word_idf"].astype(np.float32)
        return cls(stored[STORED].astype(np.float32), idf)

    def scores(self, words: BucketCounts) -> Array:
        """By how many log tokens the ``words`` of n texts lengthen the answers (n)."""
        terms = tf_idf(words, self.idf) * self.weights.take(words.buckets)
        row = np.arange(len(words)).repeat(words.offsets[1:] - words.offsets[:-1])
        total = np.bincount(row, terms, minlength=len(words))
        return np.asarray(np.minimum(np.maximum(total, -MOST), MOST))


def effects(scores: Array, inputs: Array) -> Array:
    """What words with these ``scores`` (n) add to the locations of n requests (n, log tokens).

    ``inputs`` (n x len(COLUMNS)) are the boosters'. A stated form of the answer ("one word") takes
    away from what words do, as it does from what trees do.
    """
    return np.asarray(damping(trusted(inputs)) * scores)
