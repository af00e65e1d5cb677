"""What a forecast is worth: plain functions on arrays.

``atoms`` are n x m lengths (tokens, increasing along a row), ``mass`` m or n x m probabilities,
``actual`` the n measured lengths.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau

from predictor.arrays import Array, Flags


def kendall_tau(predicted: Array, actual: Array) -> float:
    """Kendall's tau-b of two vectors: 1 the same order, 0 unrelated; NaN if one is constant."""
    return float(kendalltau(predicted, actual).statistic)


def typical(atoms: Array, mass: Array) -> Array:
    """The geometric mean of each forecast in tokens (n), lengths below 1 as 1: what orders jobs."""
    return np.asarray(np.exp(np.sum(np.log(np.maximum(atoms, 1.0)) * mass, axis=1)))


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


def quantile(atoms: Array, mass: Array, level: float) -> Array:
    """The quantile of each forecast at ``level`` (0..1), in tokens.

    Each atom stands for the probability around it, so it is the quantile in the middle of its
    mass; between atoms log tokens are interpolated.
    """
    middle, logs = _middles(atoms, mass), np.log(np.maximum(atoms, _TINY))
    return np.asarray(np.exp(_interpolate(middle, logs, np.full(len(atoms), level))))


def level(atoms: Array, mass: Array, actual: Array) -> Array:
    """The probability of at most the actual length: the inverse of ``quantile``."""
    logs = np.log(np.maximum(atoms, _TINY))
    return _interpolate(logs, _middles(atoms, mass), np.log(np.maximum(actual, _TINY)))


def smooth_pit(
    atoms: Array, mass: Array, actual: Array, censored: Flags, rng: np.random.Generator
) -> Array:
    """``pit`` of forecasts whose atoms stand for the probability around them (``level``).

    Drawn where the forecast does not say more: beyond its ends, and above a censored length.
    """
    middle = _middles(atoms, mass)
    low = level(atoms, mass, actual)
    below, beyond = actual <= atoms[:, 0], actual >= atoms[:, -1]
    last = 1 - np.broadcast_to(mass, atoms.shape)[:, -1]
    high = np.where(beyond | censored, 1.0, np.where(below, middle[:, 0], low))
    low = np.where(below, 0.0, np.where(beyond, last, low))
    return np.asarray(low + rng.random(len(actual)) * (high - low))


_TINY = 1e-9


def _middles(atoms: Array, mass: Array) -> Array:
    weights = np.broadcast_to(mass, atoms.shape)
    return np.asarray(np.cumsum(weights, axis=1) - weights / 2)


def _interpolate(known: Array, values: Array, wanted: Array) -> Array:
    """``values`` (n x m) where the increasing ``known`` (n x m) reach ``wanted`` (n)."""
    right = np.clip(np.sum(known < wanted[:, None], axis=1), 1, known.shape[1] - 1)
    rows = np.arange(len(known))
    low, high = known[rows, right - 1], known[rows, right]
    share = np.clip((wanted - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    return np.asarray((1 - share) * values[rows, right - 1] + share * values[rows, right])


def recall_longest(predicted: Array, actual: Array, share: float) -> float:
    """Of the ``share`` of lengths that are longest, which part is longest by prediction, too.

    The budget is the same: as many are called long as are. NaN if that is less than one.
    """
    count = int(len(actual) * share)
    if count < 1:
        return float("nan")
    longest = np.argsort(-actual, kind="stable")[:count]
    called = np.argsort(-predicted, kind="stable")[:count]
    return len(np.intersect1d(longest, called)) / count
