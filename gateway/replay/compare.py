"""What the present policy saves against another one, with the uncertainty of a block bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.calibrate.robust import Array
from gateway.replay.replay import ACTUAL, PRESENT, Latencies, Replayed

Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]

RESAMPLES = 200
BLOCKS = 20
"""Blocks of a resample. Requests that wait in one queue are late together: only long pieces of the
traffic are nearly independent."""

BAND = (0.05, 0.95)
"""Quantiles of the resamples that an interval spans."""

_mean: Callable[[Array], Array] = lambda values: values.mean(axis=-1)  # noqa: E731
_p99: Callable[[Array], Array] = lambda values: np.quantile(values, 0.99, axis=-1)  # noqa: E731

MEASURES: Mapping[str, tuple[str, Callable[[Array], Array]]] = {
    "mean_per_token": ("per_token", _mean),
    "mean_e2e": ("e2e", _mean),
    "p99_e2e": ("e2e", _p99),
    "mean_ttft": ("ttft", _mean),
    "p99_ttft": ("ttft", _p99),
}
"""Measure -> the column of ``Latencies`` and the statistic; all in seconds."""


@dataclass(frozen=True, slots=True)
class Saving:
    """What was saved of one measure, in seconds, with the ends of its interval, and as a share.

    Negative: the other policy would have been faster.
    """

    seconds: float
    low: float
    high: float
    share: float


def statistics(latencies: Latencies, chosen: Flags) -> dict[str, float]:
    """Each measure over the chosen requests; without those that no request has."""
    found = {}
    for name, (column, statistic) in MEASURES.items():
        values = getattr(latencies, column)[chosen]
        values = values[~np.isnan(values)]
        if len(values):
            found[name] = float(statistic(values))
    return found


def savings(replayed: Replayed, baseline: str, chosen: Flags) -> dict[str, Saving]:
    """What each measure would have been under ``baseline``, less what it was.

    The simulation of the present policy is off by some factor from what really happened. The
    baseline's is taken to be off by the same factor.
    """
    found = {}
    for name, (column, statistic) in MEASURES.items():
        arms = [getattr(replayed.arms[arm], column) for arm in (ACTUAL, PRESENT, baseline)]
        known = chosen & ~np.isnan(arms[0]) & ~np.isnan(arms[1]) & ~np.isnan(arms[2])
        if not known.any():
            continue
        places = np.flatnonzero(known)
        whole = places[None, :]
        drawn = np.concatenate((whole, places[_resampled(len(places))]))
        actual, present, other = (statistic(arm[drawn]) for arm in arms)
        saved = actual * (other / np.maximum(present, 1e-9)) - actual
        low, high = np.quantile(saved[1:], BAND)
        share = 1 - float(present[0] / max(other[0], 1e-9))
        found[name] = Saving(float(saved[0]), float(low), float(high), share)
    return found


def _resampled(count: int) -> Indices:
    """Places of each resample: blocks of neighbours, which go on at the beginning after the end."""
    length = max(1, -(-count // BLOCKS))
    rng = np.random.default_rng(0)  # the same data give the same interval
    begins = rng.integers(0, count, (RESAMPLES, -(-count // length)))
    places = (begins[:, :, None] + np.arange(length)) % count
    return places.reshape(RESAMPLES, -1)[:, :count]
