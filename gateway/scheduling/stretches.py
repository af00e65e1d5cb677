"""Stretches: how much longer answers were than forecast, for short and for long forecasts."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scheduler.job import Job
from scheduler.length import LengthDistribution

RECENT = 256
"""Latest complete answers of a model that count."""

WIDTH = 1.0
"""How far an answer tells of others, in factors of e of the forecast: the standard deviation of a
kernel."""

TRUST = 0.5
"""How far forecasts are taken to be wrong, as a part of the length: the standard deviation of the
stretch before there are answers."""

SURE = 0.5
"""Standard deviation that a forecast has at least, as a part of its mean."""

LONGEST = 1e6
"""Tokens up to which forecasts are told apart."""

_GRID = np.arange(0.0, math.log(LONGEST) + 0.5, 0.5)


@dataclass(slots=True)
class _Model:
    """Recent answers of one model."""

    answers: deque[tuple[float, float, float, float]] = field(
        default_factory=lambda: deque(maxlen=RECENT)
    )
    """Place on the grid, mean and variance of the forecast, and the tokens that came."""
    by_place: list[float] | None = None
    """The stretch at each place of the grid; None: to be worked out."""


class Stretches:
    """Learns how true lengths go with forecasts, by the model and by how long the forecast is.

    Where the shortest go first, those that end are not like those that wait: a queue's short
    forecasts may be too long and its long ones too short. Each answer tells of those whose forecast
    is about as long as its own. It counts by how sure its forecast was: one that might have been
    very long says little.
    """

    def __init__(self) -> None:
        self._models: dict[str, _Model] = {}

    def observe(self, job: Job, tokens: int) -> None:
        """Count a complete answer, whose longest sequence has so many tokens."""
        model = self._models.get(job.model)
        if model is None:
            model = self._models[job.model] = _Model()
        mean = job.length.mean
        variance = max((SURE * mean) ** 2, job.length.second_moment - mean * mean)
        model.answers.append((_place(job.length), mean, variance, float(tokens)))
        model.by_place = None

    def stretch(self, model: str, length: LengthDistribution) -> float:
        """True tokens for each expected one, of an answer with this forecast; 1.0 if unknown."""
        known = self._models.get(model)
        if known is None:
            return 1.0
        if known.by_place is None:
            known.by_place = _stretches(known.answers)
        return known.by_place[round(2 * _place(length))]


def _place(length: LengthDistribution) -> float:
    """How long a forecast is: the logarithm of its middle atom, which is found in no time.

    Of two forecasts with one mean the one with the longer tail is usually the shorter answer.
    """
    return math.log(min(LONGEST, max(1.0, length.tokens[len(length.tokens) // 2])))


def _stretches(answers: Sequence[tuple[float, float, float, float]]) -> list[float]:
    """The stretch at each place of the grid."""
    place, mean, variance, true = np.array(answers).T
    near: Any = np.exp(-0.5 * ((_GRID[:, None] - place) / WIDTH) ** 2)
    expected, came = near @ mean, near @ true
    trust = (TRUST * expected) ** 2
    # of one that is not near, the variance grows: it tells of this place with a weight in `near`
    known = trust / (trust + near @ variance + 1e-9)
    ratio = came / np.maximum(expected, 1e-9)
    found: list[float] = (1.0 + known * (ratio - 1.0)).tolist()
    return found
