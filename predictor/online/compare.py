"""Comparing two artefacts on the same later traffic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from predictor.arrays import Array
from predictor.evaluation import scores
from predictor.online.parts import Parts
from predictor.online.traffic import Traffic
from predictor.raw_forecast import LEVELS, RawForecasts

CONFIDENCE = 0.95

_LOW, _HIGH = (int(np.argmin(np.abs(LEVELS - level))) for level in (0.1, 0.9))


@dataclass(frozen=True, slots=True)
class Comparison:
    """How ``second`` did against ``first`` on the same requests.

    CRPS in tokens, means over ``records``; ``gain`` is what the second saves and ``low`` and
    ``high`` its 95 % interval; coverage is of the central 80 %, over answers that ended.
    """

    records: int
    first_crps: float
    second_crps: float
    gain: float
    low: float
    high: float
    first_coverage: float
    second_coverage: float

    @property
    def better(self) -> bool:
        """The second is better by more than noise."""
        return self.low > 0

    @property
    def worse(self) -> bool:
        """The second is worse by more than noise."""
        return self.high < 0

    def figures(self) -> dict[str, Any]:
        """The figures, rounded, for a manifest or a line of history."""
        return {name: round(getattr(self, name), 4) for name in self.__slots__}


def compare(first: Parts, second: Parts, traffic: Traffic) -> Comparison:
    """Score both on logged requests (at least two)."""
    one, two = first.raw_forecasts(traffic), second.raw_forecasts(traffic)
    before, after = crps_of(one, traffic), crps_of(two, traffic)
    gain = before - after
    spread = _error(gain, traffic)
    return Comparison(
        len(traffic),
        float(before.mean()),
        float(after.mean()),
        float(gain.mean()),
        float(gain.mean() - spread),
        float(gain.mean() + spread),
        coverage(one, traffic),
        coverage(two, traffic),
    )


def crps_of(raw_forecasts: RawForecasts, traffic: Traffic) -> Array:
    """CRPS of each request in tokens: of min(length, limit), which a cut answer tells too.

    Chaining with the limit keeps the score proper (threshold-weighted CRPS; Allen, Ginsbourger
    and Ziegel 2023).
    """
    tokens, mass = raw_forecasts.atoms()
    cut = np.minimum(tokens, traffic.limit[:, None])
    return scores.crps(cut, mass, np.minimum(traffic.tokens, traffic.limit))


def coverage(raw_forecasts: RawForecasts, traffic: Traffic) -> float:
    """The share of ended answers within the central 80 %; NaN if none ended."""
    tokens, _ = raw_forecasts.atoms()
    ended = traffic.ended
    if not ended.any():
        return float("nan")
    return scores.coverage(tokens[ended, _LOW], tokens[ended, _HIGH], traffic.tokens[ended])


def _error(gain: Array, traffic: Traffic) -> float:
    """Half the width of the mean's interval; requests of one prompt are not independent."""
    off = np.bincount(traffic.prompt, weights=gain - gain.mean())
    prompts = len(np.unique(traffic.prompt))
    if prompts < 2:
        return float("inf")
    deviation = np.sqrt(np.sum(off**2) * prompts / (prompts - 1)) / len(gain)
    return float(student.ppf((1 + CONFIDENCE) / 2, prompts - 1) * deviation)
