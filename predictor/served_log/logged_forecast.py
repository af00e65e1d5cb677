"""The forecast that a record holds: quantiles and a mean, as atoms with their probabilities."""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array
from predictor.raw_forecast import QUANTILES

_TAIL = 1 - QUANTILES[-1]

MASS = (QUANTILES[0] * 1.5, *([0.05] * (len(QUANTILES) - 2)), 0.025, _TAIL)
"""Probability of the atom at each quantile, and of the atom beyond the last one."""


def atoms(quantiles: Array, mean: Array) -> Array:
    """The atoms of n forecasts in tokens (n x len(MASS)).

    ``quantiles`` (n x len(QUANTILES)) and ``mean`` (n; NaN: unknown) are those of the records. The
    last atom makes the mean the recorded one.
    """
    body = quantiles @ np.array(MASS[:-1])
    tail = np.fmax(quantiles[:, -1], (mean - body) / _TAIL)
    return np.column_stack((quantiles, tail))
