"""Linear regression on a prompt's words: the features that carry most of the ranking.

Column 0 is log length over all models from the words alone, column 1 from words and hand-made
features; then, for each model trained on, how it departs from column 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.features import TextFeatures
from predictor.ngrams import BUCKETS, Terms

SHARED = 2
"""Columns that do not depend on the model."""

_CLIP = 4.0  # standard deviations; a strange prompt must not carry the line away
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scaling:
    """What turns raw features into the linear model's inputs; ``idf`` weighs buckets (BUCKETS)."""

    idf: NDArray[np.float32]
    centre: Array
    spread: Array

    @classmethod
    def fit(cls, features: TextFeatures) -> Scaling:
        """Inverse document frequencies, means and deviations over the training prompts."""
        seen = np.zeros(BUCKETS)
        for buckets, _ in features.terms:
            seen[buckets] += 1
        idf = np.log((1 + len(features.terms)) / (1 + seen)) + 1
        known = np.nan_to_num(features.lexical)
        return cls(idf.astype(np.float32), known.mean(axis=0), known.std(axis=0) + 1e-6)

    def words(self, terms: Terms) -> Array:
        """TF-IDF weights of one prompt's buckets, of unit length."""
        buckets, counts = terms
        weights = (1 + np.log(counts)) * self.idf[buckets]
        return np.asarray(weights / max(1e-9, float(np.sqrt(weights @ weights))))

    def lexical(self, raw: Array) -> Array:
        """Standardised hand-made features (n x d), scaled so that a row has length near 1."""
        scaled = np.clip((np.nan_to_num(raw) - self.centre) / self.spread, -_CLIP, _CLIP)
        return np.asarray(scaled / np.sqrt(raw.shape[1]))


@dataclass(frozen=True, slots=True)
class TextModel:
    """Weights of K columns: ``words`` (BUCKETS x K), ``lexical`` (d x K), ``bias`` (K)."""

    scaling: Scaling
    words: NDArray[np.float32]
    lexical: Array
    bias: Array

    def scores(self, features: TextFeatures) -> Array:
        """The K linear predictions of each prompt (n x K), in log tokens."""
        out = self.scaling.lexical(features.lexical) @ self.lexical + self.bias
        for at, terms in enumerate(features.terms):
            out[at] += self.scaling.words(terms) @ self.words[terms[0]]
        return np.asarray(out)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The parts as they are stored; half precision is ample for sums of small weights."""
        return {
            "text_idf": self.scaling.idf.astype(np.float16),
            "text_centre": self.scaling.centre,
            "text_spread": self.scaling.spread,
            "text_words": self.words.astype(np.float16),
            "text_lexical": self.lexical,
            "text_bias": self.bias,
        }

    @classmethod
    def from_arrays(cls, stored: Mapping[str, NDArray[Any]]) -> TextModel:
        """The inverse of ``arrays``; raises KeyError if a part is absent."""
        scaling = Scaling(
            stored["text_idf"].astype(np.float32), stored["text_centre"], stored["text_spread"]
        )
        words = stored["text_words"].astype(np.float32)
        return cls(scaling, words, stored["text_lexical"], stored["text_bias"])
