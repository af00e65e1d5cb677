"""Robust non-negative least squares on relative errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]

TOLERATED = 0.05
"""Relative error above which an equation gets a smaller weight (Huber's weights)."""

REWEIGHTINGS = 20
"""Rounds of least squares, each with weights from the errors of the round before."""


def solve(equations: Array, weights: Array | None = None) -> tuple[Array, Array]:
    """Non-negative x with ``equations @ x`` near 1, and the relative error of each equation.

    ``equations`` has a row per measurement and a column per term; ``weights`` is what each row
    counts, 1 where it is None.
    """
    # The columns' scales differ by 10^6, which the tolerance of nnls does not allow for.
    scale = np.maximum(equations.max(axis=0), 1e-300)
    given = np.ones(len(equations)) if weights is None else np.sqrt(weights)
    weighted = given
    for _ in range(REWEIGHTINGS):
        scaled, _ = nnls(equations / scale * weighted[:, None], weighted)
        errors = np.abs(equations / scale @ scaled - 1)
        weighted = given * np.sqrt(np.minimum(1, TOLERATED / np.maximum(errors, 1e-12)))
    return scaled / scale, errors
