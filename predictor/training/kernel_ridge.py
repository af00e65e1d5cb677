"""Kernel ridge regression whose out-of-fold scores need no refit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from predictor.arrays import Array, Indices, Single

NEVER_SCORED = -1
"""The fold of prompts that are left out of no fit and get no out-of-fold score."""


@dataclass(frozen=True, slots=True)
class Ridge:
    """A fit on P prompts: ``dual`` weights (P, 0 without a target), ``bias``, ``scores``.

    ``scores`` (F x P) are out of fold for prompts with a target, by each of F partitions.
    """

    dual: Array
    bias: float
    scores: Array


def fit_ridge(kernel: Single, target: Array, noise: Array, *folds: Indices) -> Ridge:
    """Ridge regression of ``target`` (P, NaN: none) with a ``kernel`` (P x P).

    ``noise`` (P) is the variance of each target. Each of the F ``folds`` (P) is a partition of the
    prompts; a prompt's score in a partition leaves the prompt's fold out. With A the inverse of
    kernel + noise and a = A target, the residual of a left-out block b is inv(A_bb) a_b (Rasmussen
    and Williams 2006, section 5.4.2).

    Raises:
        ValueError: the kernel matrix with the noise is not positive definite.
    """
    rows = np.flatnonzero(~np.isnan(target))
    values, variance = target[rows], noise[rows]
    bias = float(np.average(values, weights=1 / variance))
    inverse = _inverse(kernel[np.ix_(rows, rows)] + np.diag(single(variance)))
    weights = (inverse @ single(values - bias)).astype(np.float64)
    dual = np.zeros(len(target))
    dual[rows] = weights
    inside = bias + (kernel @ single(dual)).astype(np.float64)
    scores = np.tile(inside, (len(folds), 1))
    for fold, out in zip(folds, scores, strict=True):
        for part in np.unique(fold[rows][fold[rows] != NEVER_SCORED]):
            block = np.flatnonzero(fold[rows] == part)
            residual = np.linalg.solve(inverse[np.ix_(block, block)], weights[block])
            out[rows[block]] = values[block] - residual
    return Ridge(dual, bias, scores)


def _inverse(matrix: Single) -> Single:
    """The inverse of a symmetric positive definite matrix, in single precision for speed."""
    factor, failed = lapack.spotrf(matrix, lower=True, overwrite_a=True)
    if failed:
        raise ValueError(f"the kernel matrix is not positive definite (LAPACK info {failed})")
    inverse, _ = lapack.spotri(factor, lower=True, overwrite_c=True)
    lower = np.tril(inverse)
    return np.asarray(lower + np.tril(lower, -1).T)


def single(values: Array | Single) -> Single:
    """The values in single precision."""
    return np.asarray(values, dtype=np.float32)
