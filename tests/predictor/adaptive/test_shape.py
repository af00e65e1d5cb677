"""The shape that the adaptive layer takes from recent errors."""

import numpy as np

from predictor.adaptive.settings import AdaptiveSettings
from predictor.adaptive.shape import HistoryErrors
from predictor.raw_forecast import LEVELS
from tests.predictor.adaptive.builders import NORMAL


def test_the_median_follows_the_recent_errors_against_more_earlier_ones() -> None:
    history = HistoryErrors(AdaptiveSettings())
    for error in [2.0] * 300 + [-2.0] * 200:
        history.add(error, weight=1.0)
    history.sort()
    assert np.interp(0.5, LEVELS, history.shape(NORMAL)) < -1.0
