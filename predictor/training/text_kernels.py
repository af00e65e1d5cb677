"""Gram matrices of the training prompts: words, byte runs, hand-made features, landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.sparse import csr_array

from predictor.arrays import Array, Indices, Single
from predictor.fast.text_model import (
    LandmarkKernel,
    Scaling,
    inverse_document_frequencies,
    novelty,
    tf_idf,
)
from predictor.features import demands, script
from predictor.features.definition import LEXICAL_NAMES, TextFeatures
from predictor.features.ngrams import BUCKETS, BucketCounts
from predictor.features.word_vectors import PARTS, SIZE
from predictor.training.kernel_ridge import single

_LINEAR_WEIGHT = 0.3
_SHARPNESS = (0.9, 0.3, 0.6)  # by view: the kernel is exp(-0.9) at the prompts' median distance
"""Chosen, as was the noise of kinds, by out-of-fold errors on all kinds of traffic."""
_LANDMARKS = 1024
_MANY = 0.6  # share of the largest number of answering models that a landmark should have
_UNEXPLAINED_SHARE = 0.3
_COMMON = ~np.isin(LEXICAL_NAMES, [*demands.NAMES, *script.NAMES])
"""The hand-made features that the kernels read."""
_JITTER = 1e-3  # added to the landmarks' kernel diagonal: keeps the inverse small


@dataclass(frozen=True, slots=True)
class KernelInputs:
    """The P training prompts as the kernels read them, and the scaling that new prompts get.

    ``words`` and ``runs`` (P x buckets) are TF-IDF weights by ``word_idf`` and ``run_idf``;
    ``standard`` (P x d) are standardised hand-made features. ``near`` (P x s) are coordinates
    whose products approximate the Gram matrix of ``kernel`` by its s landmarks (Nystrom's method,
    Williams and Seeger 2001). ``root`` (s x s) times weights of the coordinates gives weights of
    the landmarks. ``similar`` (P x s) is the prompts' similarity to the landmarks, which are the
    prompts ``landmarks`` (s).
    """

    word_idf: Single
    run_idf: Single
    scaling: Scaling
    words: csr_array
    runs: csr_array
    standard: Array
    kernel: LandmarkKernel
    near: Array
    root: Array
    similar: Single
    landmarks: Indices

    def novelty(self, fold: Indices) -> Array:
        """Each prompt's novelty (P) beside the landmarks of other folds than its own."""
        other = fold[:, None] != fold[self.landmarks]
        return novelty(np.where(other, self.similar, np.float32(0)))

    def landmark_gram(self) -> Single:
        """The Gram matrix of ``kernel`` (P x P).

        The part of a prompt that the landmarks do not explain is independent noise on the
        diagonal (Snelson and Ghahramani 2006), of which ``_UNEXPLAINED_SHARE`` counts.
        """
        matrix = single(self.near @ self.near.T)
        unexplained = len(self.kernel.scales) - np.einsum("ps,ps->p", self.near, self.near)
        matrix[np.diag_indices(len(matrix))] += single(_UNEXPLAINED_SHARE * unexplained)
        return matrix

    @property
    def linear_weight(self) -> float:
        """The weight of the linear kernel of ``standard``."""
        return _LINEAR_WEIGHT / float(self.standard.shape[1])

    def linear_gram(self) -> Single:
        """The Gram matrix of the linear kernel of the hand-made features (P x P)."""
        return single(self.linear_weight * (self.standard @ self.standard.T))


def kernel_inputs(features: TextFeatures, answered: Indices, kind: Indices) -> KernelInputs:
    """Scale the features of P prompts.

    ``answered`` (P) is how many models answered each prompt, ``kind`` (P) its kind of traffic.
    """
    scaling = _scaling(features)
    standard = scaling.standard(features)
    views = scaling.views(standard, features)
    landmarks = choose_landmarks(answered, kind)
    kernel, similar, near, root = _landmark_kernel(views, landmarks)
    word_idf = inverse_document_frequencies(features.words)
    run_idf = inverse_document_frequencies(features.runs)
    return KernelInputs(
        word_idf,
        run_idf,
        scaling,
        tf_idf_matrix(features.words, word_idf),
        tf_idf_matrix(features.runs, run_idf),
        standard,
        kernel,
        near,
        root,
        similar,
        landmarks,
    )


def tf_idf_matrix(counts: BucketCounts, idf: Single) -> csr_array:
    """TF-IDF weights as a sparse matrix, n x BUCKETS."""
    stored = (tf_idf(counts, idf), counts.buckets, counts.offsets)
    return csr_array(stored, shape=(len(counts), BUCKETS))


def gram(rows: csr_array) -> Single:
    """The products of all pairs of rows (P x P)."""
    return single((rows @ rows.T).toarray())


def _scaling(features: TextFeatures) -> Scaling:
    """Means and spreads of the features; one spread for all dimensions of a word vector.

    The first dimensions vary most, and one spread keeps their weight.
    """
    lexical = np.nan_to_num(features.lexical)
    vectors = features.vectors.astype(np.float64)
    parts = np.split(vectors.var(axis=0), PARTS)
    width = np.repeat([max(1e-6, float(np.sqrt(part.mean()))) for part in parts], SIZE)
    return Scaling(
        lexical.mean(axis=0), _spread(lexical), single(vectors.mean(axis=0)), single(width)
    )


def _spread(values: Array) -> Array:
    """Standard deviations; infinite for a feature that has no effect.

    These are constant features, and demands and scripts: most are rare, and a rare mark is many
    standard deviations from its mean, so it would rule the distances between prompts.
    """
    spread = values.std(axis=0)
    return np.where((spread > 1e-6) & _COMMON, spread, np.inf)


def choose_landmarks(answered: Indices, kind: Indices) -> Indices:
    """The indices of the landmarks: of each kind the prompts that most models answered.

    Those prompts have the least noise. A kind counts by the root of its number of prompts.
    """
    _, kinds, counts = np.unique(kind, return_inverse=True, return_counts=True)
    share = np.sqrt(counts) / np.sqrt(counts).sum()
    chosen = [
        _most_answered(answered, np.flatnonzero(kinds == index), round(_LANDMARKS * share[index]))
        for index in range(len(counts))
    ]
    return np.sort(np.concatenate(chosen))


def _most_answered(answered: Indices, prompts: Indices, count: int) -> Indices:
    """At most ``count`` of the ``prompts``, spread evenly over those that many models answered."""
    most = answered[prompts].max(initial=0)
    many = prompts[answered[prompts] >= _MANY * most]
    if len(many) < count:
        return np.asarray(prompts[np.argsort(-answered[prompts], kind="stable")[:count]])
    return np.asarray(many[np.linspace(0, len(many) - 1, count).astype(np.intp)])


def _landmark_kernel(
    views: list[Array | Single], landmarks: Indices
) -> tuple[LandmarkKernel, Single, Array, Array]:
    """The kernel of the landmarks; ``similar``, ``near`` and ``root`` of ``KernelInputs``."""
    kernel = LandmarkKernel.from_landmarks(
        [view[landmarks].astype(np.float16) for view in views],
        [_scale(view, sharp) for view, sharp in zip(views, _SHARPNESS, strict=True)],
    )
    similar = kernel.similarity(views)
    among = kernel.similarity([view.astype(np.float64) for view in kernel.landmarks()])
    identity = np.eye(len(landmarks))
    core = among.astype(np.float64) + _JITTER * len(views) * identity
    root = solve_triangular(np.linalg.cholesky((core + core.T) / 2), identity, lower=True)
    return kernel, similar, similar.astype(np.float64) @ root.T, root.T


def _scale(view: Array | Single, sharpness: float) -> float:
    """The factor for a view, from the median squared distance between some 500 prompts."""
    some = view[:: max(1, len(view) // 500)].astype(np.float64)
    squares = np.einsum("nd,nd->n", some, some)
    distances = squares[:, None] + squares - 2 * some @ some.T
    middle = float(np.median(distances[np.triu_indices(len(some), 1)])) if len(some) > 1 else 0.0
    return float(np.sqrt(2 * sharpness / max(1e-6, middle)))
