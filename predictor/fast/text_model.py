"""Regression on a prompt's text: the features that carry most of the ranking.

Scores, all in log tokens: the length over all models, once from the words alone and once from
words, byte runs and likeness to training prompts; how models depart from that (their common axes);
and for each model trained on its own departure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from predictor.arrays import Array, Half, Single
from predictor.features.definition import TextFeatures
from predictor.features.ngrams import BUCKETS, Counts
from predictor.features.word_vectors import SIZE

WORDS, ALL = 0, 1
"""Columns of the two shared scores; those of the models follow."""

AXES = 3
SHARED = 2 + AXES
"""How many of the scores do not depend on the model."""

_CLIP = 4.0  # standard deviations; a strange prompt must not carry the line away

_DAMPED = (1 + np.log(np.maximum(1, np.arange(1024)))).astype(np.float32)  # of a count


def inverse_document_frequencies(counts: Counts) -> Single:
    """Inverse document frequency of each bucket (BUCKETS) over the training prompts."""
    seen = np.bincount(counts.buckets, minlength=BUCKETS)
    return (np.log((1 + len(counts)) / (1 + seen)) + 1).astype(np.float32)


def weigh(counts: Counts, idf: Single) -> Single:
    """TF-IDF weights of the buckets in ``counts``; those of a text have unit length."""
    weights = _DAMPED[np.minimum(counts.counts, len(_DAMPED) - 1)] * idf[counts.buckets]
    row = np.repeat(np.arange(len(counts)), np.diff(counts.until))
    length = np.sqrt(np.bincount(row, weights * weights, minlength=len(counts)))
    weights /= np.maximum(1e-9, length).astype(np.float32)[row]
    return np.asarray(weights)


def tf_idf_matrix(counts: Counts, idf: Single) -> csr_array:
    """The weights as a sparse matrix, n x BUCKETS."""
    stored = (weigh(counts, idf), counts.buckets, counts.until)
    return csr_array(stored, shape=(len(counts), BUCKETS))


def _times(counts: Counts, idf: Single, weights: Single) -> Single:
    """``tf_idf_matrix`` times ``weights`` (BUCKETS x K): making a matrix first takes longer."""
    terms, until = weigh(counts, idf), counts.until.tolist()
    near = weights[counts.buckets]
    return np.array([terms[start:end] @ near[start:end] for start, end in pairwise(until)])


def standardise(lexical: Array, centre: Array, spread: Array) -> Array:
    """Hand-made features (n x d) in clipped standard deviations; NaN counts as 0."""
    return np.asarray(
        np.clip((np.where(np.isnan(lexical), 0.0, lexical) - centre) / spread, -_CLIP, _CLIP)
    )


@dataclass(frozen=True, slots=True)
class LandmarkKernel:
    """How like s landmarks, some of the training prompts, a prompt is: a sum of Gaussian kernels.

    One kernel, exp(-|x - p|**2 / 2), for each view of a prompt: hand-made features, the vectors of
    its words, those of its first words. ``points`` (s x d each) and prompts are scaled by
    ``scales`` (one a view); ``halves`` (views x s) are half of the points' squared lengths.
    """

    points: tuple[Single, ...]
    halves: Single
    scales: tuple[float, ...]

    @classmethod
    def around(cls, landmarks: Sequence[Half], scales: Sequence[float]) -> LandmarkKernel:
        """The kernels of landmarks as they are stored: their views, not scaled."""
        points = tuple(
            view.astype(np.float32) * np.float32(scale)
            for view, scale in zip(landmarks, scales, strict=True)
        )
        halves = np.array([np.einsum("sd,sd->s", view, view) for view in points]) / 2
        return cls(points, halves.astype(np.float32), tuple(scales))

    def to(self, views: Sequence[Array | Single]) -> Single:
        """The kernels' sum between n prompts (a view: n x d) and the landmarks, n x s."""
        near = np.empty((len(views), len(views[0]), self.halves.shape[1]), dtype=np.float32)
        own = np.empty((len(views), len(views[0]), 1), dtype=np.float32)
        for at, (view, points) in enumerate(zip(views, self.points, strict=True)):
            scaled = (view * self.scales[at]).astype(np.float32)
            np.matmul(scaled, points.T, out=near[at])
            np.einsum("nd,nd->n", scaled, scaled, out=own[at, :, 0])
        near -= 0.5 * own + self.halves[:, None, :]
        return np.asarray(np.exp(near, out=near).sum(axis=0))

    def landmarks(self) -> list[Half]:
        """The views of the landmarks as they are stored; ``around`` is the inverse."""
        scaled = zip(self.points, self.scales, strict=True)
        return [(view / np.float32(scale)).astype(np.float16) for view, scale in scaled]


@dataclass(frozen=True, slots=True)
class Scaling:
    """How features are centred and scaled: the hand-made ones (d), word vectors (PARTS * SIZE)."""

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
    """The weights; K = 2 + M columns: words, all, one of each model.

    ``word_idf``, ``run_idf`` (BUCKETS) and ``scaling`` scale the inputs. ``words`` (BUCKETS x K)
    and ``lexical`` (d x K) are linear weights, ``runs`` (BUCKETS) and ``dual`` (s, of ``kernel``)
    add to column ``ALL``, ``bias`` (K) to each. ``axes`` (M x AXES) turn the models' columns less
    ``middle`` (M) into what they have in common.
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
        out[:, ALL] += self.kernel.to(self.scaling.views(standard, features)) @ self.dual
        out += _times(features.words, self.word_idf, self.words)
        out[:, ALL] += _times(features.runs, self.run_idf, self.runs)
        return with_axes(out, self.middle, self.axes)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The parts as they are stored; half precision is ample for sums of small weights."""
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
            kernel=LandmarkKernel.around(landmarks, scales),
            scaling=Scaling(*(stored[f"text_scaling_{name}"] for name in _SCALING)),
            **parts,
        )


_HALF = ("word_idf", "run_idf", "words", "runs")
_WHOLE = ("lexical", "dual", "bias", "middle", "axes")
_SCALING = ("centre", "spread", "middle", "width")


def with_axes(columns: Array, middle: Array, axes: Array) -> Array:
    """Put the models' common axes between the shared columns and the models' own (n x K)."""
    common = (columns[:, 2:] - middle) @ axes
    return np.concatenate([columns[:, :2], common, columns[:, 2:]], axis=1)
