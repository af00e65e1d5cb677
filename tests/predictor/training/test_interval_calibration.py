"""Calibration: the atoms mean the levels that they stand for."""

import numpy as np
import pytest
from scipy.stats import norm

from predictor.raw_forecast import LEVELS, MASS, QUANTILES
from predictor.training.interval_calibration import endless_rates, is_endless, residual_quantiles
from scheduler.length import LengthDistribution


def test_the_quantile_of_a_level_is_the_atom_of_that_level() -> None:
    atoms = np.arange(1.0, len(LEVELS) + 1)
    for rate in (0.0, 0.005, 0.02):
        forecast = LengthDistribution((*atoms, 99.0), (*(MASS * (1 - rate)), rate))
        for level in (*QUANTILES, *((0.025, 0.975) if rate < 0.01 else ())):
            assert forecast.quantile(level) == atoms[np.argmin(np.abs(LEVELS - level))]


def test_the_atoms_keep_the_mean_of_a_log_normal() -> None:
    atoms = np.exp(0.6 * norm.ppf(LEVELS))
    assert float(atoms @ MASS) == pytest.approx(np.exp(0.18), rel=0.005)


def test_many_residuals_give_their_quantiles_and_few_a_margin() -> None:
    residuals = np.random.default_rng(0).standard_normal(200_000)
    many = residual_quantiles(residuals, np.ones(200_000), prompts=200_000)
    assert many == pytest.approx(norm.ppf(LEVELS), abs=0.05)
    few = residual_quantiles(residuals, np.ones(200_000), prompts=20)
    assert few[LEVELS < 0.5].sum() < many[LEVELS < 0.5].sum()
    assert few[LEVELS > 0.5].sum() > many[LEVELS > 0.5].sum()
    assert np.all(np.diff(few) >= 0)


def test_a_residual_without_weight_does_not_count() -> None:
    residuals = np.concatenate([np.zeros(50), np.full(50, 1e9)])
    weights = np.concatenate([np.ones(50), np.zeros(50)])
    assert residual_quantiles(residuals, weights, prompts=1000)[LEVELS <= 0.95].max() == 0


def test_a_model_with_few_answers_gets_the_endless_rate_of_all_models() -> None:
    model = np.array([0] * 10_000 + [1] * 10)
    tokens, censored = np.full(10_010, 50.0), np.zeros(10_010, dtype=bool)
    tokens[:100], censored[:100] = 15_000, True
    often, seldom, unseen = endless_rates(model, tokens, censored, 2)
    assert often == pytest.approx(0.01, rel=0.01)
    assert seldom == pytest.approx(unseen, rel=0.01)


def test_only_answers_cut_at_the_generation_limit_are_endless() -> None:
    tokens = np.array([400.0, 15_000, 15_001, 14_999, 15_000])
    censored = np.array([True, True, True, True, False])
    assert is_endless(tokens, censored).tolist() == [False, True, True, True, False]


def test_an_answer_cut_below_the_generation_limit_does_not_count_in_the_endless_rate() -> None:
    model = np.zeros(3_000, dtype=np.intp)
    tokens, censored = np.full(3_000, 50.0), np.zeros(3_000, dtype=bool)
    tokens[:1_000], censored[:2_000] = 15_000, True
    assert endless_rates(model, tokens, censored, 1) == pytest.approx([0.5, 0.5])
