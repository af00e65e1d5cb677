"""Kernel regression of the log length on a prompt's text; its scores are inputs of the boosters.

The scores of a prompt, all in log tokens:

- WORDS: the mean length over all models, from the words alone;
- ALL: the same mean length, from words, byte runs and similarity to training prompts;
- AXES: coordinates of the models' departures from ALL on the departures' principal axes;
- NOVELTY: how unlike all landmarks the prompt is, 0 for a landmark;
- one score for each model trained on: the model's departure from ALL, beyond the model's offset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from predictor.arrays import Array, Half, Single
from predictor.features.definition import TextFeatures
from predictor.features.ngrams import BUCKETS, BucketCounts
from predictor.features.word_vectors import SIZE

WORDS, ALL = 0, 1
"""Columns of the two scores over all models; the columns of the models follow."""

AXES = 3
SHARED = 3 + AXES
"""The number of scores that do not depend on the model: WORDS, ALL, the AXES and NOVELTY."""

NOVELTY = SHARED - 1
"""The column of the novelty among the scores."""

_VIEWS = 3  # the similarity of a landmark with itself
_LEAST_SIMILAR = np.float32(1e-3)  # bounds the novelty
_CLIP = 4.0  # standard deviations; bounds the effect of an outlying prompt

_DAMPED = (1 + np.log(np.maximum(1, np.arange(1024)))).astype(np.float32)
"""Damped counts of a bucket: 1 + log(count)."""


def inverse_document_frequencies(counts: BucketCounts) -> Single:
    """Inverse document frequency of each bucket (BUCKETS) over the training prompts."""
    seen = np.bincount(counts.buckets, minlength=BUCKETS)
    return (np.log((1 + len(counts)) / (1 + seen)) + 1).astype(np.float32)


def tf_idf(counts: BucketCounts, idf: Single) -> Single:
    """TF-IDF weights of the buckets in ``counts``; the weights of a text have unit length."""
    weights = _DAMPED.take(counts.counts, mode="clip") * idf.take(counts.buckets)
    if len(counts) == 1:  # the same sum, term by term, without numbers of rows
        total = (weights * weights).cumsum(dtype=np.float64)
        weights /= np.float32(max(1e-9, sqrt(total.item(-1)))) if len(total) else 1
        return np.asarray(weights)
    row = np.arange(len(counts)).repeat(counts.offsets[1:] - counts.offsets[:-1])
    length = np.sqrt(np.bincount(row, weights * weights, minlength=len(counts)))
    weights /= np.maximum(1e-9, length).astype(np.float32).take(row)
    return np.asarray(weights)


def _tf_idf_product(counts: BucketCounts, idf: Single, weights: Single) -> Single:
    """TF-IDF weights of the buckets (n x BUCKETS) times ``weights`` (BUCKETS x K)."""
    terms, offsets = tf_idf(counts, idf), counts.offsets.tolist()
    rows = weights.take(counts.buckets, axis=0)
    return np.array([terms[start:end] @ rows[start:end] for start, end in pairwise(offsets)])


def standardise(lexical: Array, centre: Array, spread: Array) -> Array:
    """Hand-made features (n x d) in clipped standard deviations; NaN counts as a feature of 0."""
    known = np.where(np.isnan(lexical), 0.0, lexical)
    return np.asarray(np.minimum(np.maximum((known - centre) / spread, -_CLIP), _CLIP))


@dataclass(frozen=True, slots=True)
class LandmarkKernel:
    """Similarity of a prompt to s landmarks, which are training prompts: a sum of Gaussian kernels.

    A prompt has three views: hand-made features, mean vector of all words, mean vector of the first
    words. Each view has one kernel, exp(-|x - p|**2 / 2). ``points`` (s x d each) are the
    landmarks times ``scales`` (one a view); ``halves`` (views x s) are half of the points' squared
    lengths.
    """

    points: tuple[Single, ...]
    halves: Single
    scales: tuple[float, ...]

    @classmethod
    def from_landmarks(cls, landmarks: Sequence[Half], scales: Sequence[float]) -> LandmarkKernel:
        """The kernel of stored landmarks: one array for each view, not scaled."""
        points = tuple(
            view.astype(np.float32) * np.float32(scale)
            for view, scale in zip(landmarks, scales, strict=True)
        )
        halves = np.array([np.einsum("sd,sd->s", view, view) for view in points]) / 2
        return cls(points, halves.astype(np.float32), tuple(scales))

    def similarity(self, views: Sequence[Array | Single]) -> Single:
        """The sum of the kernels between n prompts (each view: n x d) and the landmarks, n x s."""
        products = np.empty((len(views), len(views[0]), self.halves.shape[1]), dtype=np.float32)
        squares = np.empty((len(views), len(views[0]), 1), dtype=np.float32)
        for index, (view, points) in enumerate(zip(views, self.points, strict=True)):
            scaled = (view * self.scales[index]).astype(np.float32, copy=False)
            np.matmul(scaled, points.T, out=products[index])
            np.einsum("nd,nd->n", scaled, scaled, out=squares[index, :, 0])
        products -= 0.5 * squares + self.halves[:, None, :]
        return np.asarray(np.exp(products, out=products).sum(axis=0))

    def landmarks(self) -> list[Half]:
        """The landmarks as they are stored; ``from_landmarks`` is the inverse."""
        scaled = zip(self.points, self.scales, strict=True)
        return [(view / np.float32(scale)).astype(np.float16) for view, scale in scaled]


@dataclass(frozen=True, slots=True)
class Scaling:
    """The centring and scaling of features.

    ``centre`` and ``spread`` (d) are means and standard deviations of the hand-made features.
    ``middle`` and ``width`` (PARTS * SIZE) are means and scales of the mean word vectors.
    """

    centre: Array
    spread: Array
    middle: Single
    width: Single

    def standard(self, features: TextFeatures) -> Array:
        """The hand-made features in clipped standard deviations, n x d."""
        return standardise(features.lexical, self.centre, self.spread)

    def views(self, standard: Array, features: TextFeatures) -> list[Array | Single]:
        """The views of the kernel: features, vectors of all words and of the first words."""
        vectors = (features.vectors - self.middle) / self.width
        return [standard, vectors[:, :SIZE], vectors[:, SIZE:]]


@dataclass(frozen=True, slots=True)
class TextModel:
    """The weights of the text model; K = 2 + M columns: WORDS, ALL, and one for each model.

    ``word_idf``, ``run_idf`` (BUCKETS) and ``scaling`` scale the inputs. ``words`` (BUCKETS x K)
    and ``lexical`` (d x K) are linear weights and ``bias`` (K) is added to each column. ``runs``
    (BUCKETS) and ``dual`` (s, one weight for each landmark of ``kernel``) add to column ALL only.
    The scores on the axes are the models' columns minus ``middle`` (M), times ``axes`` (M x AXES).
    """

    word_idf: Single
    run_idf: Single
    scaling: Scaling
    words: Single
    runs: Single
    lexical: Array
    kernel: LandmarkKernel
    dual: Single
    bias: Array
    middle: Array
    axes: Array

    def scores(self, features: TextFeatures) -> Array:
        """The scores of each prompt, n x (SHARED + M)."""
        standard = self.scaling.standard(features)
        out = standard @ self.lexical + self.bias
        similar = self.kernel.similarity(self.scaling.views(standard, features))
        out[:, ALL] += similar @ self.dual
        out += _tf_idf_product(features.words, self.word_idf, self.words)
        out[:, ALL] += _tf_idf_product(features.runs, self.run_idf, self.runs)
        return with_axes(out, self.middle, self.axes, novelty(similar))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays to store. Half precision suffices: scores are sums of many small weights."""
        parts: dict[str, NDArray[Any]] = {
            name: getattr(self, name).astype(np.float16) for name in _HALF
        }
        parts |= {name: getattr(self, name) for name in _WHOLE}
        parts |= {f"scaling_{name}": getattr(self.scaling, name) for name in _SCALING}
        views = enumerate(self.kernel.landmarks())
        parts |= {f"landmarks_{view}": points for view, points in views}
        parts["scales"] = np.array(self.kernel.scales)
        return {f"text_{name}": part for name, part in parts.items()}

    @classmethod
    def from_arrays(cls, stored: Mapping[str, NDArray[Any]]) -> TextModel:
        """The inverse of ``arrays``; raises KeyError if a part is absent."""
        scales = stored["text_scales"].tolist()
        landmarks = [stored[f"text_landmarks_{view}"] for view in range(len(scales))]
        parts: dict[str, Any] = {name: stored[f"text_{name}"] for name in _WHOLE}
        parts |= {name: stored[f"text_{name}"].astype(np.float32) for name in _HALF}
        return cls(
            kernel=LandmarkKernel.from_landmarks(landmarks, scales),
            scaling=Scaling(*(stored[f"text_scaling_{name}"] for name in _SCALING)),
            **parts,
        )


_HALF = ("word_idf", "run_idf", "words", "runs")
_WHOLE = ("lexical", "dual", "bias", "middle", "axes")
_SCALING = ("centre", "spread", "middle", "width")


def novelty(similar: Single) -> Array:
    """How unlike all landmarks each of n prompts is, from the ``similar`` (n x s) of a kernel."""
    nearest = similar.max(axis=1, initial=_LEAST_SIMILAR).astype(np.float64)
    return np.asarray(np.maximum(0.0, -np.log(nearest / _VIEWS)))


def with_axes(columns: Array, middle: Array, axes: Array, novel: Array) -> Array:
    """Insert the scores on the axes and the novelty ``novel`` (n) behind the first two ``columns``.

    ``columns`` are n x K; the result is n x (SHARED + M).
    """
    common = (columns[:, 2:] - middle) @ axes
    return np.concatenate([columns[:, :2], common, novel[:, None], columns[:, 2:]], axis=1)
