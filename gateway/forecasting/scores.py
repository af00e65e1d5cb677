"""Scores of many forecasts at once: intervals, error, CRPS and rank correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.length import LengthDistribution

INTERVALS = (50, 80, 95)
"""Central intervals whose coverage is counted, in per cent."""

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ROUNDING = 1e-9  # as in LengthDistribution.quantile


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of n forecasts.

    ``inside`` (n x INTERVALS): whether the length was inside the interval; ``error`` (n, tokens):
    the distance of the median from the length; ``crps`` (n, tokens): the continuous ranked
    probability score; ``expected`` (n, tokens): the geometric mean, by which requests rank.
    """

    inside: Flags
    error: Array
    crps: Array
    expected: Array


def score(forecasts: Sequence[LengthDistribution], lengths: Sequence[float]) -> Scores:
    """The scores of the forecasts of answers with these lengths in tokens; n of each."""
    tokens, mass = _padded(forecasts)
    actual = np.asarray(lengths, dtype=np.float64)
    reached = np.cumsum(mass, axis=1)
    rows = np.arange(len(tokens))

    def quantile(level: float) -> Array:
        chosen: Array = tokens[rows, np.argmax(reached >= level - _ROUNDING, axis=1)]
        return chosen

    inside = [
        (quantile(0.5 - share / 200) <= actual) & (actual <= quantile(0.5 + share / 200))
        for share in INTERVALS
    ]
    logs = np.log(np.maximum(tokens, 1.0))
    return Scores(
        inside=np.stack(inside, axis=1),
        error=np.abs(quantile(0.5) - actual),
        crps=_crps(tokens, mass, reached, actual),
        expected=np.exp((mass * logs).sum(axis=1)),
    )


def _padded(forecasts: Sequence[LengthDistribution]) -> tuple[Array, Array]:
    """Tokens and masses of the atoms (n x most atoms); the last atom is repeated without mass."""
    most = max(len(forecast.tokens) for forecast in forecasts)
    tokens, mass = [], []
    for forecast in forecasts:
        missing = most - len(forecast.tokens)
        tokens.append(forecast.tokens + forecast.tokens[-1:] * missing)
        mass.append(forecast.mass + (0.0,) * missing)
    return np.array(tokens), np.array(mass)


def _crps(tokens: Array, mass: Array, reached: Array, actual: Array) -> Array:
    """E|X - y| - E|X - X'| / 2, where X and X' follow the forecast and y is the length."""
    distance = (mass * np.abs(tokens - actual[:, None])).sum(axis=1)
    spread: Array = distance - (mass * tokens * (2 * reached - mass - 1)).sum(axis=1)
    return spread


def crps(forecast: LengthDistribution, lengths: Sequence[float]) -> Array:
    """The CRPS (n, tokens) of one forecast for n answers of these lengths in tokens."""
    tokens, mass = np.array([forecast.tokens]), np.array([forecast.mass])
    actual = np.asarray(lengths, dtype=np.float64)
    return _crps(tokens, mass, np.cumsum(mass, axis=1), actual)


def rank_tau(expected: Array, lengths: Array) -> float | None:
    """Kendall's tau-b of n forecasts and n lengths, in time n squared; None where it is undefined.

    It is undefined for fewer than two answers, and where all forecasts or all lengths are equal.
    """
    forecast_order = np.sign(expected[:, None] - expected[None, :])
    length_order = np.sign(lengths[:, None] - lengths[None, :])
    pairs = np.sqrt((forecast_order**2).sum() * (length_order**2).sum())
    return float((forecast_order * length_order).sum() / pairs) if pairs > 0 else None
