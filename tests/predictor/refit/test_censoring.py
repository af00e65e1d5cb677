"""Censored lengths of served answers."""

import numpy as np
import pytest

from predictor.refit.censoring import impute_from_forecast, kaplan_meier


def test_a_censored_length_becomes_its_expectation_beyond_the_cut() -> None:
    z = np.tile(np.linspace(-2, 2, 24), (3, 1))
    logs = np.array([5.0, 5.0, 9.0])
    out = impute_from_forecast(
        logs, np.array([False, True, True]), np.full(3, 5.0), np.full(3, 0.5), z
    )
    assert out[0] == 5.0
    assert 5.3 < out[1] < 5.6  # half-normal: 0.8 standard deviations, a little less here
    assert out[2] == pytest.approx(9.05)


def test_kaplan_meier_in_a_case_worked_by_hand() -> None:
    mass, left = kaplan_meier(np.array([3.0, 1.0, 2.0, 4.0]), np.array([False, False, True, True]))
    assert mass == pytest.approx([0.375, 0.25, 0.0, 0.0])
    assert left == pytest.approx(0.375)
