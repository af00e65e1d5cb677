"""Scores against closed forms."""

import numpy as np
import pytest

from predictor.evaluation import scores
from scheduler.length import LengthDistribution


def test_the_geometric_mean_is_the_one_that_orders_jobs() -> None:
    forecast = LengthDistribution((0.5, 40.0, 9000.0), (0.2, 0.7, 0.1))
    found = scores.geometric_mean(np.array([forecast.tokens]), np.array(forecast.mass))
    assert found == pytest.approx([forecast.geometric_mean])


def test_crps_of_a_point_is_the_absolute_error() -> None:
    atoms, mass = np.array([[10.0], [10.0]]), np.ones(1)
    assert scores.crps(atoms, mass, np.array([7.0, 30.0])).tolist() == [3, 20]


def test_crps_of_a_normal_forecast_meets_the_closed_form() -> None:
    levels = (np.arange(4000) + 0.5) / 4000
    rng = np.random.default_rng(0)
    atoms = np.quantile(rng.standard_normal(2_000_000), levels)[None, :]
    at_its_mean = scores.crps(atoms, np.full(4000, 1 / 4000), np.zeros(1))[0]
    assert at_its_mean == pytest.approx((np.sqrt(2) - 1) / np.sqrt(np.pi), abs=2e-3)


def test_crps_of_samples_is_unbiased_for_small_ensembles() -> None:
    rng = np.random.default_rng(1)
    actual = rng.standard_normal(40_000)
    small = scores.crps_of_samples(rng.standard_normal((40_000, 3)), actual).mean()
    assert small == pytest.approx(1 / np.sqrt(np.pi), abs=0.01)


def test_coverage_counts_both_ends() -> None:
    low, high = np.full(4, 2.0), np.full(4, 5.0)
    assert scores.coverage(low, high, np.array([1.0, 2.0, 5.0, 6.0])) == 0.5


def test_kendall_tau_is_tau_b() -> None:
    ordered = np.array([1.0, 2.0, 3.0, 4.0])
    assert scores.kendall_tau(ordered, ordered) == pytest.approx(1)
    assert scores.kendall_tau(ordered, np.array([1.0, 1.0, 2.0, 2.0])) == pytest.approx(
        4 / np.sqrt(6 * 4)
    )
