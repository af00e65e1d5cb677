"""Right-censored lengths of served answers: imputation and the Kaplan-Meier estimate."""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array, Flags
from predictor.raw_forecast import MASS

_BEYOND_ALL_ATOMS = 0.1  # in scales: the excess over a cut that lies beyond all atoms


def impute_from_forecast(
    logs: Array, censored: Flags, location: Array, scale: Array, shape: Array
) -> Array:
    """Log lengths (n) with the ``censored`` ones replaced by their expectation beyond the cut.

    The forecast has ``location`` and ``scale`` (n, log tokens) and the quantiles ``shape`` (n x
    len(MASS)). The caller alternates the imputation with a fit of the location (Buckley and James
    1979).
    """
    out = logs.copy()
    rows = np.flatnonzero(censored)
    atoms = location[rows, None] + scale[rows, None] * shape[rows]
    beyond = MASS * (atoms > logs[rows, None])
    total = beyond.sum(axis=1)
    mean = np.sum(beyond * atoms, axis=1) / np.maximum(total, 1e-12)
    out[rows] = np.where(total > 0, mean, logs[rows] + _BEYOND_ALL_ATOMS * scale[rows])
    return out


def kaplan_meier(values: Array, censored: Flags) -> tuple[Array, float]:
    """The probability of each value (n; 0 where censored), and the probability beyond the last.

    Kaplan and Meier 1958; of equal values, the uncensored come first.
    """
    order = np.lexsort((censored, values))
    at_risk = np.arange(len(values), 0, -1, dtype=np.float64)
    hazard = ~censored[order] / at_risk
    survival = np.cumprod(1 - hazard)
    mass = np.empty(len(values))
    mass[order] = hazard * np.concatenate([[1.0], survival[:-1]])
    return mass, float(survival[-1]) if len(values) else 1.0
