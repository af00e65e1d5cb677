"""Fitting the text model: kernel ridge regression, out-of-fold scores in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack, solve_triangular
from scipy.sparse import csr_array

from predictor.arrays import Array, Indices, Single
from predictor.fast.text_model import (
    ALL,
    AXES,
    LandmarkKernel,
    Scaling,
    TextModel,
    inverse_document_frequencies,
    tf_idf_matrix,
    with_axes,
)
from predictor.features.definition import TextFeatures
from predictor.features.word_vectors import PARTS, SIZE

# Penalties (noise variances) at a prompt that many models answered, and kernel weights: chosen by
# out-of-fold error and by tau on held-out prompts of CASTILLO. The models' own columns have fewer
# answers and a smaller effect.
_WORDS_PENALTY, _ALL_PENALTY, _OWN_PENALTY = 0.5, 0.25, 1.0
_FEW_MODELS = 3.0  # extra noise, in penalties, of a prompt that one model answered
_OTHER_MODELS = 2.0  # noise of a prompt that only models not trained on answered
_ALWAYS = -1  # the fold of prompts that are never scored
_LINEAR = 0.3
_WORDS_SHARE, _RUNS_SHARE = 0.5, 0.5
_SHARPNESS = (1.5, 0.5, 1.0)  # of likeness: exp(-1.5) at the median distance between prompts
_LANDMARKS = 1024  # prompts by whose likeness others are known
_MANY = 0.6  # of the models: who answered so many is a landmark first
_UNTOLD = 0.3
_RIDGE = 1e-3  # of the likeness of a landmark to itself: what keeps the inverse small


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted text model, its out-of-fold scores of the P prompts, and the models' levels (M)."""

    model: TextModel
    scores: Array
    offsets: Array


@dataclass(frozen=True, slots=True)
class _Ridge:
    """Dual weights of one column (0 where a prompt has no target), bias, scores of all prompts."""

    dual: Array
    bias: float
    scores: Array


def effects(cells: Array) -> tuple[Array, Array]:
    """Prompt and model effects of the table of mean log lengths (P x M, NaN where unmeasured).

    Least squares of cell = prompt + model by alternating means; prompts need not meet all models.
    A prompt without any cell has NaN.
    """
    known = ~np.isnan(cells)
    values = np.nan_to_num(cells)
    model = np.zeros(cells.shape[1])
    prompt = np.zeros(len(cells))
    for _ in range(30):
        prompt = ((values - model) * known).sum(axis=1) / np.maximum(1, known.sum(axis=1))
        level = (values - prompt[:, None]) * known
        model = level.sum(axis=0) / np.maximum(1, known.sum(axis=0))
    centre = model.mean()
    return np.where(known.any(axis=1), prompt + centre, np.nan), model - centre


def fit(
    features: TextFeatures,
    cells: Array,
    fold: Indices,
    others: Array | None = None,
) -> Fitted:
    """Fit all columns on P prompts; ``cells`` P x M mean log lengths, ``fold`` (P) for scores.

    ``features`` may go on behind the P prompts with those of prompts that other models answered:
    ``others`` are their effects on log length, up to a constant. They help the shared columns.
    """
    answered = np.zeros(len(features.words), dtype=np.intp)
    answered[: len(cells)] = (~np.isnan(cells)).sum(axis=1)
    inputs = _inputs(features, answered)
    word_kernel = _gram(inputs.words)
    prompt, offsets = effects(cells)
    noise = 1 + _FEW_MODELS / np.maximum(1, (~np.isnan(cells)).sum(axis=1))
    count = len(cells)
    if others is not None:
        level = _level(word_kernel, prompt, noise, others)
        prompt = np.concatenate([prompt, level + others])
        noise = np.concatenate([noise, np.full(len(others), _OTHER_MODELS)])
        cells = np.concatenate([cells, np.full((len(others), cells.shape[1]), np.nan)])
        fold = np.concatenate([fold, np.full(len(others), _ALWAYS)])
    first = _ridge(word_kernel, prompt, _WORDS_PENALTY * noise, fold)

    kernel = _WORDS_SHARE * word_kernel + _RUNS_SHARE * _gram(inputs.runs)
    kernel += inputs.alike()
    second = _ridge(kernel, prompt, _ALL_PENALTY * noise, fold)

    kernel = word_kernel + _single(inputs.linear * (inputs.standard @ inputs.standard.T))
    departures = cells - offsets - second.scores[:, None]
    alike = np.full(len(cells), _OWN_PENALTY)
    own = [_ridge(kernel, target, alike, fold) for target in departures.T]
    made = _assemble(inputs, [first, second, *own], offsets)
    return Fitted(made.model, made.scores[:count], made.offsets)


def _level(kernel: Single, prompt: Array, noise: Array, others: Array) -> float:
    """What to add to ``others`` so that on average they are as long as their words predict."""
    count = len(prompt)
    known = kernel[:count, :count]
    never = np.full(count, _ALWAYS)
    first = _ridge(known, prompt, _WORDS_PENALTY * noise, never)
    predicted = first.bias + kernel[count:, :count] @ _single(first.dual)
    return float(np.mean(predicted - others))


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The P training prompts as the kernels see them, and how they were scaled.

    ``near`` (P x s) are coordinates whose products are the Gram matrix of ``kernel`` as its s
    landmarks tell it (Williams and Seeger 2001); times ``root`` (s x s) weights of them become
    weights of the landmarks.
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

    def alike(self) -> Single:
        """The Gram matrix of ``kernel``, P x P.

        What the landmarks do not tell of a prompt is like nothing but itself (Snelson and
        Ghahramani 2006): a noise of its own, of which a part counts.
        """
        kernel = _single(self.near @ self.near.T)
        untold = len(self.kernel.scales) - np.einsum("ps,ps->p", self.near, self.near)
        kernel[np.diag_indices(len(kernel))] += _single(_UNTOLD * untold)
        return kernel

    @property
    def linear(self) -> float:
        """The weight of a product of standardised features."""
        return _LINEAR / float(self.standard.shape[1])


def _inputs(features: TextFeatures, answered: Indices) -> _Inputs:
    scaling = _scaling(features)
    standard = scaling.standard(features)
    views = scaling.views(standard, features)
    kernel, near, root = _likeness(views, _landmarks(answered))
    word_idf, run_idf = (
        inverse_document_frequencies(features.words),
        inverse_document_frequencies(features.runs),
    )
    return _Inputs(
        word_idf,
        run_idf,
        scaling,
        tf_idf_matrix(features.words, word_idf),
        tf_idf_matrix(features.runs, run_idf),
        standard,
        kernel,
        near,
        root,
    )


def _scaling(features: TextFeatures) -> Scaling:
    """Means and spreads; of word vectors one spread for all dimensions: the first ones say most."""
    known = np.nan_to_num(features.lexical)
    means = features.vectors.astype(np.float64)
    parts = np.split(means.var(axis=0), PARTS)
    width = np.repeat([max(1e-6, float(np.sqrt(part.mean()))) for part in parts], SIZE)
    return Scaling(known.mean(axis=0), _spread(known), _single(means.mean(axis=0)), _single(width))


def _landmarks(answered: Indices) -> Indices:
    """Which prompts are landmarks, by how many models answered each: they are known best."""
    many = np.flatnonzero(answered >= _MANY * answered.max(initial=0))
    if len(many) < _LANDMARKS:
        return np.sort(np.argsort(-answered, kind="stable")[:_LANDMARKS])
    return many[np.linspace(0, len(many) - 1, _LANDMARKS).astype(np.intp)]


def _likeness(views: list[Array | Single], at: Indices) -> tuple[LandmarkKernel, Array, Array]:
    """The kernels around landmarks, the coordinates of all prompts by them, and ``root``."""
    kernel = LandmarkKernel.from_landmarks(
        [view[at].astype(np.float16) for view in views],
        [_scale(view, sharp) for view, sharp in zip(views, _SHARPNESS, strict=True)],
    )
    near = kernel.similarity(views).astype(np.float64)
    among = kernel.similarity([view.astype(np.float64) for view in kernel.landmarks()])
    core = among.astype(np.float64) + _RIDGE * len(views) * np.eye(len(at))
    root = solve_triangular(np.linalg.cholesky((core + core.T) / 2), np.eye(len(at)), lower=True)
    return kernel, near @ root.T, root.T


def _scale(view: Array | Single, sharpness: float) -> float:
    """What to scale a view by, from the median square distance between some pairs of prompts."""
    some = view[:: max(1, len(view) // 500)].astype(np.float64)
    squares = np.einsum("nd,nd->n", some, some)
    distances = squares[:, None] + squares - 2 * some @ some.T
    middle = float(np.median(distances[np.triu_indices(len(some), 1)])) if len(some) > 1 else 0.0
    return float(np.sqrt(2 * sharpness / max(1e-6, middle)))


def _spread(values: Array) -> Array:
    """Standard deviations; infinite for a constant, so that a new value of it changes nothing."""
    spread = values.std(axis=0)
    return np.where(spread > 1e-6, spread, np.inf)


def _assemble(inputs: _Inputs, columns: list[_Ridge], offsets: Array) -> Fitted:
    """Fold the dual weights of the linear kernels into weights of their inputs."""
    kinds = np.arange(len(columns))
    in_words = np.where(kinds == ALL, _WORDS_SHARE, 1.0)
    in_linear = np.where(kinds <= ALL, 0.0, inputs.linear)
    dual = np.column_stack([column.dual for column in columns])
    scores = np.column_stack([column.scores for column in columns])
    middle, axes = _axes(scores[:, 2:])
    model = TextModel(
        word_idf=inputs.word_idf,
        run_idf=inputs.run_idf,
        scaling=inputs.scaling,
        words=_single(inputs.words.T @ (dual * in_words)),
        runs=_single(inputs.runs.T @ (_RUNS_SHARE * dual[:, ALL])),
        lexical=inputs.standard.T @ dual * in_linear,
        kernel=inputs.kernel,
        dual=_single(inputs.root @ (inputs.near.T @ dual[:, ALL])),
        bias=np.array([column.bias for column in columns]),
        middle=middle,
        axes=axes,
    )
    return Fitted(model, with_axes(scores, middle, axes), offsets)


def _single(values: Array) -> Single:
    return np.asarray(values, dtype=np.float32)


def _gram(rows: csr_array) -> Single:
    return _single((rows @ rows.T).toarray())


def _axes(own: Array) -> tuple[Array, Array]:
    """Mean (M) and first principal axes (M x AXES, zero-padded) of the models' departures."""
    middle = own.mean(axis=0)
    _, _, right = np.linalg.svd(own - middle, full_matrices=False)
    axes = np.zeros((own.shape[1], AXES))
    found = right[:AXES].T
    axes[:, : found.shape[1]] = found
    return middle, axes


def _ridge(kernel: Single, target: Array, noise: Array, fold: Indices) -> _Ridge:
    """Weighted kernel ridge; a prompt with a target is scored without its own fold.

    With A the inverse of kernel + noise and a = A target, leaving out a block b changes its
    residual to inv(A_bb) a_b: no refit (Rasmussen and Williams 2006, section 5.4.2).
    """
    rows = np.flatnonzero(~np.isnan(target))
    values, loss = target[rows], noise[rows]
    bias = float(np.average(values, weights=1 / loss))
    inverse = _inverse(kernel[np.ix_(rows, rows)] + np.diag(_single(loss)))
    weights = (inverse @ _single(values - bias)).astype(np.float64)
    dual = np.zeros(len(target))
    dual[rows] = weights
    scores = bias + (kernel @ _single(dual)).astype(np.float64)
    for part in np.unique(fold[rows][fold[rows] != _ALWAYS]):
        block = np.flatnonzero(fold[rows] == part)
        away = np.linalg.solve(inverse[np.ix_(block, block)], weights[block])
        scores[rows[block]] = values[block] - away
    return _Ridge(dual, bias, scores)


def _inverse(matrix: Single) -> Single:
    """Inverse of a symmetric positive definite matrix, in single precision for speed."""
    factor, failed = lapack.spotrf(matrix, lower=True, overwrite_a=True)
    if failed:
        raise ValueError(f"the kernel matrix is not positive definite (LAPACK info {failed})")
    inverse, _ = lapack.spotri(factor, lower=True, overwrite_c=True)
    lower = np.tril(inverse)
    return np.asarray(lower + np.tril(lower, -1).T)
