"""What a forecast is worth: plain functions on arrays.

``atoms`` are n x m lengths (tokens, increasing along a row), ``mass`` m or n x m probabilities,
``actual`` the n measured lengths.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

Array = NDArray[np.float64]


def kendall_tau(predicted: Array, actual: Array) -> float:
    """Kendall's tau-b of two vectors: 1 the same order, 0 unrelated; NaN if one is constant."""
    return float(kendalltau(predicted, actual).statistic)


def mae(predicted: Array, actual: Array) -> float:
    """Mean absolute error in tokens."""
    return float(np.mean(np.abs(predicted - actual)))


def crps(atoms: Array, mass: Array, actual: Array) -> Array:
    """Continuous ranked probability score of each forecast in tokens; smaller is better.

    E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007, eq. 21), exact for atoms: with P the
    cumulative mass, E|X - X'| = 2 * sum of P (1 - P) times the gaps.
    """
    weights = np.broadcast_to(mass, atoms.shape)
    error = np.sum(weights * np.abs(atoms - actual[:, None]), axis=1)
    cumulative = np.cumsum(weights, axis=1)[:, :-1]
    spread = np.sum(cumulative * (1 - cumulative) * np.diff(atoms, axis=1), axis=1)
    return np.asarray(error - spread)


def crps_of_samples(samples: Array, actual: Array) -> Array:
    """CRPS of an ensemble (n x m samples in any order) without its bias for small m.

    The "fair" score (Ferro 2014): pairs of distinct members only.
    """
    ordered = np.sort(samples, axis=1)
    size = ordered.shape[1]
    ranks = 2 * np.arange(size) - size + 1
    error = np.mean(np.abs(ordered - actual[:, None]), axis=1)
    return np.asarray(error - ordered @ ranks / (size * (size - 1)))


def pinball(predicted: Array, actual: Array, level: float) -> float:
    """Mean pinball (quantile) loss in tokens of the forecast of the ``level`` quantile."""
    error = actual - predicted
    return float(np.mean(np.maximum(level * error, (level - 1) * error)))


def coverage(low: Array, high: Array, actual: Array) -> float:
    """Share of the lengths within [low, high]."""
    return float(np.mean((actual >= low) & (actual <= high)))


def pit(atoms: Array, mass: Array, actual: Array, rng: np.random.Generator) -> Array:
    """Randomised probability integral transform: uniform on 0..1 if the forecasts are calibrated.

    Between the mass below and up to the measured length (Czado, Gneiting and Held 2009).
    """
    weights = np.broadcast_to(mass, atoms.shape)
    below = np.sum(weights * (atoms < actual[:, None]), axis=1)
    upto = np.sum(weights * (atoms <= actual[:, None]), axis=1)
    return np.asarray(below + rng.random(len(actual)) * (upto - below))
