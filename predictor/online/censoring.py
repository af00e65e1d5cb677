"""Lengths that are known only to be at least so long."""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array, Flags
from predictor.raw_forecast import MASS

_BEYOND = 0.1  # scales past a cut that lies beyond all atoms


def imputed(logs: Array, censored: Flags, at: Array, scale: Array, z: Array) -> Array:
    """Log lengths (n) with the censored ones replaced by their expectation beyond the cut.

    Expectations are those of the forecast: location ``at``, ``scale`` (n), quantiles ``z``
    (n x len(MASS)); Buckley and James 1979. Alternate with fitting until it settles.
    """
    out = logs.copy()
    rows = np.flatnonzero(censored)
    atoms = at[rows, None] + scale[rows, None] * z[rows]
    beyond = MASS * (atoms > logs[rows, None])
    total = beyond.sum(axis=1)
    mean = np.sum(beyond * atoms, axis=1) / np.maximum(total, 1e-12)
    out[rows] = np.where(total > 0, mean, logs[rows] + _BEYOND * scale[rows])
    return out


def kaplan_meier(values: Array, censored: Flags) -> tuple[Array, float]:
    """The probability of each value (n; 0 where censored) and what is left beyond the last one.

    Kaplan and Meier 1958; at ties the uncensored come first.
    """
    order = np.lexsort((censored, values))
    at_risk = np.arange(len(values), 0, -1, dtype=np.float64)
    hazard = ~censored[order] / at_risk
    survival = np.cumprod(1 - hazard)
    mass = np.empty(len(values))
    mass[order] = hazard * np.concatenate([[1.0], survival[:-1]])
    return mass, float(survival[-1]) if len(values) else 1.0
