"""Kernel ridge regression: the closed form of out-of-fold scores equals a refit."""

import numpy as np
import pytest

from predictor.arrays import Array, Single
from predictor.training.kernel_ridge import NEVER_SCORED, Ridge, fit_ridge


@pytest.fixture
def kernel() -> Single:
    points = np.random.default_rng(0).normal(size=(30, 4))
    return np.asarray(points @ points.T, dtype=np.float32)


@pytest.fixture
def target() -> Array:
    return np.random.default_rng(1).normal(5.0, 1.0, 30)


NOISE = np.full(30, 0.5)
FOLD = np.arange(30) % 3


def refit_without(fold: int, kernel: Single, target: Array, bias: float) -> Array:
    """Scores of the prompts in ``fold`` by a ridge fitted without them, with the same bias."""
    inside, outside = fold != FOLD, fold == FOLD
    matrix = kernel[inside][:, inside] + np.diag(NOISE[inside])
    dual = np.linalg.solve(matrix.astype(np.float64), target[inside] - bias)
    return np.asarray(bias + kernel[outside][:, inside] @ dual)


def test_out_of_fold_scores_are_those_of_a_fit_without_the_fold(
    kernel: Single, target: Array
) -> None:
    ridge = fit_ridge(kernel, target, NOISE, FOLD)
    for fold in range(3):
        wanted = refit_without(fold, kernel, target, ridge.bias)
        assert ridge.scores[0, fold == FOLD] == pytest.approx(wanted, abs=1e-3)


def test_a_prompt_without_a_target_is_scored_and_does_not_change_the_others(
    kernel: Single, target: Array
) -> None:
    known = target.copy()
    known[:10] = np.nan
    ridge = fit_ridge(kernel, known, NOISE, FOLD)
    part = fit_ridge(kernel[10:, 10:], target[10:], NOISE[10:], FOLD[10:])
    assert ridge.scores[0, 10:] == pytest.approx(part.scores[0], abs=1e-4)
    assert np.all(ridge.dual[:10] == 0)
    assert np.isfinite(ridge.scores).all()


def test_each_partition_of_the_prompts_has_scores_of_its_own(kernel: Single, target: Array) -> None:
    other = np.arange(30) // 15
    both = fit_ridge(kernel, target, NOISE, FOLD, other)
    assert both.scores.shape == (2, 30)
    for row, fold in zip(both.scores, (FOLD, other), strict=True):
        assert row == pytest.approx(fit_ridge(kernel, target, NOISE, fold).scores[0], abs=1e-4)
    assert not np.allclose(both.scores[0], both.scores[1], atol=1e-2)


def test_a_prompt_that_is_never_scored_helps_every_fold(kernel: Single, target: Array) -> None:
    def error(ridge: Ridge) -> float:
        return float(np.abs(ridge.scores[0, :10] - 5.0 - kernel[:10, 0]).mean())

    exact = 5.0 + kernel[:, 0].astype(np.float64)
    helped = np.where(np.arange(30) < 10, FOLD, NEVER_SCORED)
    alone = np.where(np.arange(30) < 10, exact, np.nan)
    assert error(fit_ridge(kernel, exact, NOISE, helped)) < error(
        fit_ridge(kernel, alone, NOISE, helped)
    )
