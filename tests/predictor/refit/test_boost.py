"""Recalibration of shapes on served traffic with censored answers."""

import numpy as np
import pytest
from scipy.stats import norm

from predictor.raw_forecast import LEVELS
from predictor.refit.shapes import censored_quantiles

NORMAL = norm.ppf(LEVELS)


def test_quantiles_below_the_censoring_are_measured_and_those_above_keep_the_shape() -> None:
    residuals = np.random.default_rng(0).normal(size=20_000)
    censored = residuals > 0.5
    found = censored_quantiles(np.minimum(residuals, 0.5), censored, 2 * NORMAL)
    visible = norm.cdf(0.5) >= LEVELS
    assert found[visible] == pytest.approx(NORMAL[visible], abs=0.1)
    last = int(visible.sum()) - 1
    steps = 2 * (NORMAL[last + 1 :] - NORMAL[last])
    assert found[last + 1 :] - found[last] == pytest.approx(steps)


def test_a_shape_stays_if_censoring_hides_every_level() -> None:
    censored = np.arange(200) > 0
    assert censored_quantiles(np.arange(200.0), censored, NORMAL) == pytest.approx(NORMAL)
