"""Fitting the text model: ridge regression in the dual, out-of-fold scores in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_array

from predictor.features import TextFeatures
from predictor.ngrams import BUCKETS
from predictor.text_model import Array, Scaling, TextModel

_LEXICAL_WEIGHT = 0.3  # of the hand-made features' kernel against the words'
_PENALTY = 0.5  # of the shared columns, at a prompt that many models answered
_FEW_MODELS = 3.0  # extra noise, in penalties, of a prompt that one model answered
_OWN_PENALTY = 1.0  # of a model's own column: fewer answers, a smaller effect

Single = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted text model and its out-of-fold scores of the training prompts (P x K)."""

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
    return prompt + centre, model - centre


def fit(features: TextFeatures, cells: Array, fold: NDArray[np.intp]) -> Fitted:
    """Fit all columns on P prompts; ``cells`` P x M mean log lengths, ``fold`` (P) for scores."""
    scaling = Scaling.fit(features)
    words = _matrix(scaling, features)
    lexical = scaling.lexical(features.lexical)
    kernel = (words @ words.T).toarray().astype(np.float32)
    prompt, offsets = effects(cells)
    answered = (~np.isnan(cells)).sum(axis=1)
    noise = _PENALTY * (1 + _FEW_MODELS / np.maximum(1, answered))
    prompt[answered == 0] = np.nan
    columns = [_ridge(kernel, prompt, noise, fold)]
    kernel += (_LEXICAL_WEIGHT * (lexical @ lexical.T)).astype(np.float32)
    columns.append(_ridge(kernel, prompt, noise, fold))
    own_noise = np.full(len(cells), _OWN_PENALTY)
    for model in range(cells.shape[1]):
        target = cells[:, model] - offsets[model] - columns[1].scores
        columns.append(_ridge(kernel, target, own_noise, fold))
    dual = np.column_stack([column.dual for column in columns])
    mixing = np.where(np.arange(dual.shape[1]) == 0, 0.0, _LEXICAL_WEIGHT)
    fitted = TextModel(
        scaling,
        np.asarray((words.T @ dual).astype(np.float32)),
        lexical.T @ dual * mixing,
        np.array([column.bias for column in columns]),
    )
    return Fitted(fitted, np.column_stack([column.scores for column in columns]), offsets)


def _matrix(scaling: Scaling, features: TextFeatures) -> csr_array:
    values = [scaling.words(terms) for terms in features.terms]
    ends = np.concatenate([[0], np.cumsum([len(value) for value in values])])
    buckets = np.concatenate([terms[0] for terms in features.terms])
    return csr_array((np.concatenate(values), buckets, ends), shape=(len(values), BUCKETS))


def _ridge(kernel: Single, target: Array, noise: Array, fold: NDArray[np.intp]) -> _Ridge:
    """Weighted kernel ridge; a prompt with a target is scored without its own fold.

    With A the inverse of kernel + noise and a = A target, leaving out a block b changes its
    residual to inv(A_bb) a_b: no refit (Rasmussen and Williams 2006, section 5.4.2).
    """
    rows = np.flatnonzero(~np.isnan(target))
    values, loss = target[rows], noise[rows]
    bias = float(np.average(values, weights=1 / loss))
    inverse = _inverse(kernel[np.ix_(rows, rows)] + np.diag(loss.astype(np.float32)))
    weights = (inverse @ (values - bias).astype(np.float32)).astype(np.float64)
    dual = np.zeros(len(target))
    dual[rows] = weights
    scores = bias + (kernel @ dual.astype(np.float32)).astype(np.float64)
    for part in np.unique(fold[rows]):
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
