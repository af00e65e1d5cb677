"""Recalibrates the shape of forecasts: mixes recent standardised errors with the predicted shape.

Weighted conformal prediction (Barber et al. 2023) with the predicted shape as a prior of some
pseudo-answers. The quantiles of recent errors are the quantiles of the next error if traffic does
not change.
"""

from __future__ import annotations

import numpy as np

from predictor.adaptive.settings import AdaptiveSettings
from predictor.arrays import Array
from predictor.raw_forecast import LEVELS, MASS

_SIZE, _HALF_LIFE = 512, 200.0
_KEPT = 64  # mixed shapes kept; a predictor has one shape for each model


class MixedShapes:
    """Mixes errors with predicted shapes that weigh ``strength`` answers; caches the results."""

    def __init__(self, strength: float) -> None:
        self._strength = strength
        self._errors: Array | None = None
        self._mixed: dict[bytes, tuple[float, ...]] = {}

    def mix(self, errors: Array, weights: Array, prior: Array) -> tuple[float, ...]:
        """Quantiles at ``LEVELS`` of the weighted ``errors`` (sorted) and the ``prior`` shape."""
        if errors is not self._errors or len(self._mixed) >= _KEPT:
            self._errors, self._mixed = errors, {}
        key = prior.tobytes()
        if key not in self._mixed:
            self._mixed[key] = tuple(mixed(errors, weights, prior, self._strength).tolist())
        return self._mixed[key]


def mixed(errors: Array, weights: Array, prior: Array, strength: float) -> Array:
    """Quantiles at LEVELS of weighted ``errors`` and a ``prior`` shape of weight ``strength``."""
    if not len(errors):
        return prior
    values = np.concatenate([errors, prior])
    mass = np.concatenate([weights, MASS * strength])
    order = np.argsort(values, kind="stable")
    values, mass = values[order], mass[order]
    reached = np.cumsum(mass)
    return np.asarray(np.interp(LEVELS, (reached - 0.5 * mass) / reached[-1], values))


class HistoryErrors:
    """Standardised errors of the forecasts that history dominates, over all models."""

    def __init__(self, settings: AdaptiveSettings) -> None:
        self.errors = np.zeros((_SIZE, 2))
        self.count = 0
        self._shapes = MixedShapes(settings.shape_prior)
        self._sorted: tuple[Array, Array] = (np.zeros(0), np.zeros(0))
        self._due = 1

    def add(self, error: float, weight: float) -> None:
        """Add an error; every few errors the shape is updated."""
        self.errors[self.count % _SIZE] = error, weight
        self.count += 1
        if self.count >= self._due:
            self._due = self.count + max(1, min(8, self.count // 32))
            self.sort()

    def sort(self) -> None:
        """Sort the errors, with weights that halve every ``_HALF_LIFE`` answers."""
        size = min(self.count, _SIZE)
        number = np.arange(self.count - size, self.count)
        errors, weights = self.errors[number % _SIZE].T
        weights = weights * 0.5 ** ((self.count - 1 - number) / _HALF_LIFE)
        order = np.argsort(errors)
        self._sorted = (errors[order], weights[order])

    def shape(self, prior: Array) -> tuple[float, ...]:
        """The shape of the forecasts that history dominates."""
        return self._shapes.mix(*self._sorted, prior)
