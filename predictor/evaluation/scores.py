"""Scores of forecasts: plain functions on arrays.

``atoms`` are n x m lengths (tokens, increasing along a row), ``mass`` (m or n x m) their
probabilities, ``actual`` the n measured lengths (tokens).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau

from predictor.arrays import Array, Flags

_LEAST_TOKENS = 1e-9  # keeps logarithms finite


def kendall_tau(predicted: Array, actual: Array) -> float:
    """Kendall's tau-b of two vectors: 1 is the same order, 0 unrelated; NaN if one is constant."""
    return float(kendalltau(predicted, actual).statistic)


def geometric_mean(atoms: Array, mass: Array) -> Array:
    """The geometric mean of each forecast in tokens (n); lengths below 1 count as 1.

    The scheduler orders jobs by this number.
    """
    return np.asarray(np.exp(np.sum(np.log(np.maximum(atoms, 1.0)) * mass, axis=1)))


def mae(predicted: Array, actual: Array) -> float:
    """Mean absolute error in tokens."""
    return float(np.mean(np.abs(predicted - actual)))


def crps(atoms: Array, mass: Array, actual: Array) -> Array:
    """Continuous ranked probability score of each forecast in tokens (n); smaller is better.

    E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007, eq. 21), exact for atoms: with P the
    cumulative mass, E|X - X'| is twice the sum of P (1 - P) times the gaps between atoms.
    """
    weights = np.broadcast_to(mass, atoms.shape)
    error = np.sum(weights * np.abs(atoms - actual[:, None]), axis=1)
    cumulative = np.cumsum(weights, axis=1)[:, :-1]
    spread = np.sum(cumulative * (1 - cumulative) * np.diff(atoms, axis=1), axis=1)
    return np.asarray(error - spread)


def crps_of_samples(samples: Array, actual: Array) -> Array:
    """CRPS of ensembles (n x m samples in any order) in tokens (n), without a bias for small m.

    The "fair" score (Ferro 2014) counts pairs of distinct members only.
    """
    ordered = np.sort(samples, axis=1)
    size = ordered.shape[1]
    ranks = 2 * np.arange(size) - size + 1
    error = np.mean(np.abs(ordered - actual[:, None]), axis=1)
    return np.asarray(error - ordered @ ranks / (size * (size - 1)))


def crps_of_all(actual: Array) -> float:
    """Mean CRPS in tokens of one forecast for all: the distribution of the other lengths (n > 1).

    That is half the mean difference of two of the lengths.
    """
    count = len(actual)
    ranks = 2 * np.arange(count) - count + 1
    return float(np.sort(actual) @ ranks / (count * (count - 1)))


def coverage(low: Array, high: Array, actual: Array) -> float:
    """Share of the lengths in [low, high]."""
    return float(np.mean((actual >= low) & (actual <= high)))


def quantile(atoms: Array, mass: Array, level: float) -> Array:
    """The quantile of each forecast at ``level`` (0..1), in tokens (n).

    Each atom is the quantile in the middle of its mass; between atoms, log tokens are
    interpolated.
    """
    logs = np.log(np.maximum(atoms, _LEAST_TOKENS))
    wanted = np.full(len(atoms), level)
    return np.asarray(np.exp(_interpolate(_middles(atoms, mass), logs, wanted)))


def cdf(atoms: Array, mass: Array, actual: Array) -> Array:
    """The forecast probability of at most the actual length (n): the inverse of ``quantile``."""
    logs = np.log(np.maximum(atoms, _LEAST_TOKENS))
    return _interpolate(logs, _middles(atoms, mass), np.log(np.maximum(actual, _LEAST_TOKENS)))


def pit(
    atoms: Array, mass: Array, actual: Array, censored: Flags, rng: np.random.Generator
) -> Array:
    """Probability integral transform (n): uniform on 0..1 if the forecasts are calibrated.

    The value is ``cdf`` of the actual length. Where the forecast gives only a range, the value is
    drawn from the range (Czado, Gneiting and Held 2009): beyond the first and last atom, and above
    a ``censored`` length.
    """
    middle = _middles(atoms, mass)
    low = cdf(atoms, mass, actual)
    below, beyond = actual <= atoms[:, 0], actual >= atoms[:, -1]
    last = 1 - np.broadcast_to(mass, atoms.shape)[:, -1]
    high = np.where(beyond | censored, 1.0, np.where(below, middle[:, 0], low))
    low = np.where(below, 0.0, np.where(beyond, last, low))
    return np.asarray(low + rng.random(len(actual)) * (high - low))


def recall_longest(predicted: Array, actual: Array, share: float) -> float:
    """The share of the longest lengths that are also among the longest by prediction.

    Both sets have the ``share`` of all lengths; NaN if that is less than one length.
    """
    count = int(len(actual) * share)
    if count < 1:
        return float("nan")
    longest = np.argsort(-actual, kind="stable")[:count]
    predicted_longest = np.argsort(-predicted, kind="stable")[:count]
    return len(np.intersect1d(longest, predicted_longest)) / count


def _middles(atoms: Array, mass: Array) -> Array:
    """The cumulative probability in the middle of each atom's mass (n x m)."""
    weights = np.broadcast_to(mass, atoms.shape)
    return np.asarray(np.cumsum(weights, axis=1) - weights / 2)


def _interpolate(known: Array, values: Array, wanted: Array) -> Array:
    """``values`` (n x m) where the increasing ``known`` (n x m) reach ``wanted`` (n)."""
    right = np.clip(np.sum(known < wanted[:, None], axis=1), 1, known.shape[1] - 1)
    rows = np.arange(len(known))
    low, high = known[rows, right - 1], known[rows, right]
    share = np.clip((wanted - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    return np.asarray((1 - share) * values[rows, right - 1] + share * values[rows, right])
