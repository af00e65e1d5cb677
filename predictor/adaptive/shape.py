"""The shape of a forecast, recalibrated: recent standardised errors mixed with the predicted one.

Conformal prediction with weights (Barber et al. 2023) and a prior of so many pseudo-answers: the
quantiles of the errors made lately are those of the next, if what comes resembles what came.
"""

from __future__ import annotations

import numpy as np

from predictor.adaptive.settings import AdaptiveSettings
from predictor.arrays import Array
from predictor.raw_forecast import LEVELS, MASS

_SIZE, _HALF_LIFE = 512, 200.0
_KEPT = 64  # shapes mixed since the errors last changed: predictors have one a model


class Shape:
    """Mixes errors with a predicted shape worth ``strength`` answers; keeps the last results."""

    def __init__(self, strength: float) -> None:
        self._strength = strength
        self._errors: Array | None = None
        self._mixed: dict[bytes, tuple[float, ...]] = {}

    def of(self, errors: Array, weights: Array, prior: Array) -> tuple[float, ...]:
        """Quantiles at ``LEVELS`` of the weighted ``errors`` (sorted) and the ``prior``."""
        if errors is not self._errors or len(self._mixed) >= _KEPT:
            self._errors, self._mixed = errors, {}
        told = prior.tobytes()
        if told not in self._mixed:
            found = mixed(errors, weights, prior, self._strength)
            self._mixed[told] = tuple(found.tolist())
        return self._mixed[told]


def mixed(errors: Array, weights: Array, prior: Array, strength: float) -> Array:
    """Quantiles at ``LEVELS``: weighted ``errors`` and ``strength`` answers shaped as ``prior``."""
    if not len(errors):
        return prior
    values = np.concatenate([errors, prior])
    mass = np.concatenate([weights, MASS * strength])
    order = np.argsort(values, kind="stable")
    values, mass = values[order], mass[order]
    reached = np.cumsum(mass)
    return np.asarray(np.interp(LEVELS, (reached - 0.5 * mass) / reached[-1], values))


class Recalled:
    """The standardised errors of forecasts that history carried, over all models."""

    def __init__(self, settings: AdaptiveSettings) -> None:
        self.errors = np.zeros((_SIZE, 2))
        self.count = 0
        self._shape = Shape(settings.shape_prior)
        self._sorted: tuple[Array, Array] = (np.zeros(0), np.zeros(0))
        self._due = 1

    def add(self, error: float, weight: float) -> None:
        """Count an error; every few of them the shape follows."""
        self.errors[self.count % _SIZE] = error, weight
        self.count += 1
        if self.count >= self._due:
            self._due = self.count + max(1, min(8, self.count // 32))
            self.sort()

    def sort(self) -> None:
        """Bring the errors in order, with weights that halve every 200 answers."""
        size = min(self.count, _SIZE)
        number = np.arange(self.count - size, self.count)
        errors, weights = self.errors[number % _SIZE].T
        weights = weights * 0.5 ** ((self.count - 1 - number) / _HALF_LIFE)
        order = np.argsort(errors)
        self._sorted = (errors[order], weights[order])

    def shape(self, prior: Array) -> tuple[float, ...]:
        """The shape of the forecasts that history carries."""
        return self._shape.of(*self._sorted, prior)
