"""Recalibration of the shapes of forecasts to the residuals of served answers."""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array, Flags
from predictor.fast.inputs import KNOWN
from predictor.raw_forecast import LEVELS
from predictor.refit.censoring import kaplan_meier
from predictor.refit.editable import EditableArtefact
from predictor.refit.traffic import LoggedTraffic
from predictor.training.interval_calibration import residual_quantiles

_SHAPE_PRIOR = 300.0  # weight of the previous shape, in records


def recalibrated_shapes(
    start: EditableArtefact, traffic: LoggedTraffic, location: Array, scale: Array
) -> Array:
    """The shapes of ``start`` ((M + 2) x len(LEVELS)), drawn towards those of new residuals.

    Those are of n requests with ``location`` and ``scale`` (n, log tokens), for known models only.
    """
    shapes = np.array(start.arrays["shapes"])
    residuals = (np.log(traffic.tokens) - location) / scale
    for index, name in enumerate(traffic.names):
        match = start.models.match(name)
        rows = traffic.model == index
        if match.route != KNOWN or not np.any(rows & traffic.ended):
            continue
        group = int(match.weights.argmax())
        new = censored_quantiles(residuals[rows], traffic.censored[rows], shapes[group])
        share = rows.sum() / (rows.sum() + _SHAPE_PRIOR)
        shapes[group] = share * new + (1 - share) * shapes[group]
    return shapes


def censored_quantiles(residuals: Array, censored: Flags, before: Array) -> Array:
    """Quantiles at LEVELS of n ``residuals``; a ``censored`` residual (n) is a lower bound.

    Censoring hides the upper levels. The distances between hidden levels are those of ``before``
    (len(LEVELS)), the previous shape.
    """
    mass, left = kaplan_meier(residuals, censored)
    observed = mass > 0
    quantiles = residual_quantiles(residuals[observed], mass[observed], len(residuals))
    visible = int(np.sum(1 - left >= LEVELS))
    if not visible:
        return before
    if left > 1e-9:
        quantiles = np.interp(np.minimum(1.0, LEVELS / (1 - left)), LEVELS, quantiles)
        last = visible - 1
        quantiles[visible:] = quantiles[last] + before[visible:] - before[last]
    return np.asarray(np.maximum.accumulate(quantiles))
