"""Stretches: how much longer answers were than forecast, for short and for long forecasts."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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

_Sums = NDArray[np.float64]


@dataclass(slots=True)
class _Model:
    """Recent answers of one model, in sums, so that another one costs the same however many count.

    A sum has for each place of the grid: mean and variance of the forecasts and the tokens that
    came, each answer by how near its forecast is.
    """

    answers: deque[_Sums] = field(default_factory=deque)
    """What each answer adds to the sums."""
    sums: _Sums = field(default_factory=lambda: np.zeros((3, len(_GRID))))
    since: int = 0
    """Answers since the sums were made anew, lest their rounding errors grow."""

    def add(self, place: float, mean: float, variance: float, true: float) -> None:
        """Count an answer, in the place of the oldest if there are enough."""
        near = np.exp(-0.5 * ((_GRID - place) / WIDTH) ** 2)
        self.answers.append(np.outer((mean, variance, true), near))
        self.sums += self.answers[-1]
        if len(self.answers) > RECENT:
            self.sums -= self.answers.popleft()
        self.since += 1
        if self.since > RECENT:
            self.since, self.sums = 0, np.sum(self.answers, axis=0)

    def stretch(self, place: int) -> float:
        """The stretch at a place of the grid."""
        expected, variance, came = map(float, self.sums[:, place])
        trust = (TRUST * expected) ** 2
        # of one that is not near, the variance grows: it tells of this place with a weight in near
        known = trust / (trust + max(0.0, variance) + 1e-9)
        return 1.0 + known * (came / max(expected, 1e-9) - 1.0)


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
        model.add(_place(job.length), mean, variance, float(tokens))

    def stretch(self, model: str, length: LengthDistribution) -> float:
        """True tokens for each expected one, of an answer with this forecast; 1.0 if unknown."""
        known = self._models.get(model)
        return 1.0 if known is None else known.stretch(round(2 * _place(length)))


def _place(length: LengthDistribution) -> float:
    """How long a forecast is: the logarithm of its middle atom, which is found in no time.

    Of two forecasts with one mean the one with the longer tail is usually the shorter answer.
    """
    return math.log(min(LONGEST, max(1.0, length.tokens[len(length.tokens) // 2])))
