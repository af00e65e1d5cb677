"""Calibration of the refined tier: shapes by model and by scale.

Where the scale is large, most answers are the shorter of two kinds. One shape for all scales
would put the upper quantiles too high there.
"""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array, Indices
from predictor.refined.head import knot_weights
from predictor.training.interval_calibration import residual_quantiles

KNOTS = 5

_LEVELS = np.array([0, 0.002, 0.005, *(np.arange(1, 100) / 100), 0.995, 0.998, 1])


def shapes_by_scale(
    residuals: Array,
    weights: Array,
    scale: Array,
    prompt: Indices,
    group: Indices,
    *,
    groups: int,
) -> tuple[Array, Array]:
    """Log scales (K knots, increasing) and the shape of each group there (K x groups x levels).

    ``residuals`` (n x m) are divided by the ``scale`` (n) and count by ``weights`` (n x m, 0 where
    unmeasured); ``prompt`` and ``group`` (n) are indices. Each knot has quantiles of the residuals
    of all groups. Each group has its own levels, at which the knots' quantiles are read: the
    quantiles of the ranks of the group's residuals among all residuals. A group without rows gets
    the levels of all rows.
    """
    logs = np.log(scale)
    knots = np.quantile(logs, (np.arange(KNOTS) + 0.5) / KNOTS)
    near = knot_weights(logs, knots)
    common = np.array([_quantiles(residuals, weights * part[:, None]) for part in near.T])
    reached = np.array(
        [
            np.interp(row, quantiles, _LEVELS)
            for row, quantiles in zip(residuals, near @ common, strict=True)
        ]
    )
    shapes = []
    for index in range(groups):
        rows = group == index if np.any(group == index) else np.ones(len(group), dtype=bool)
        counted = weights[rows] > 0
        prompts = len(np.unique(prompt[rows]))
        levels = residual_quantiles(reached[rows][counted], weights[rows][counted], prompts)
        shapes.append([np.interp(levels, _LEVELS, quantiles) for quantiles in common])
    return knots, np.array(shapes).transpose(1, 0, 2)


def _quantiles(values: Array, weights: Array) -> Array:
    """Quantiles at ``_LEVELS`` of the values with a weight above 0."""
    counted = weights > 0
    values, weights = values[counted], weights[counted]
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    middle = (reached - 0.5 * weights[order]) / reached[-1]
    return np.asarray(np.interp(_LEVELS, middle, values[order]))
