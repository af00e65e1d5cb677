"""Comparison of two artefacts on the same later traffic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from predictor.arrays import Array
from predictor.evaluation import scores
from predictor.raw_forecast import LEVELS, RawForecasts
from predictor.refit.editable import EditableArtefact
from predictor.refit.traffic import LoggedTraffic

CONFIDENCE = 0.95

_LOW, _HIGH = (int(np.argmin(np.abs(LEVELS - level))) for level in (0.1, 0.9))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The scores of two artefacts on the same requests.

    CRPS is in tokens, the mean over ``records``. ``gain`` is the first artefact's CRPS minus the
    second's; ``low`` and ``high`` are the ends of its 95 % interval. Coverage is the share of
    ended answers in the central 80 % interval.
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
        """True if the second artefact is better by more than noise."""
        return self.low > 0

    @property
    def worse(self) -> bool:
        """True if the second artefact is worse by more than noise."""
        return self.high < 0

    def rounded(self) -> dict[str, float]:
        """The fields by name, rounded, for a manifest or the history."""
        return {name: round(getattr(self, name), 4) for name in self.__slots__}


def compare(
    first: EditableArtefact, second: EditableArtefact, traffic: LoggedTraffic
) -> Comparison:
    """Score both artefacts on logged requests (at least two)."""
    before, after = first.raw_forecasts(traffic), second.raw_forecasts(traffic)
    first_crps, second_crps = request_crps(before, traffic), request_crps(after, traffic)
    gain = first_crps - second_crps
    margin = _margin(gain, traffic)
    return Comparison(
        len(traffic),
        float(first_crps.mean()),
        float(second_crps.mean()),
        float(gain.mean()),
        float(gain.mean() - margin),
        float(gain.mean() + margin),
        coverage(before, traffic),
        coverage(after, traffic),
    )


def request_crps(forecasts: RawForecasts, traffic: LoggedTraffic) -> Array:
    """CRPS of min(length, limit) for each request (n), in tokens.

    A cut answer states min(length, limit) as well. The score is proper: a threshold-weighted CRPS
    with the limit as the chaining function (Allen, Ginsbourger and Ziegel 2023).
    """
    tokens, mass = forecasts.atoms()
    cut = np.minimum(tokens, traffic.limit[:, None])
    return scores.crps(cut, mass, np.minimum(traffic.tokens, traffic.limit))


def coverage(forecasts: RawForecasts, traffic: LoggedTraffic) -> float:
    """Share of ended answers in the central 80 % interval; NaN if no answer ended."""
    tokens, _ = forecasts.atoms()
    ended = traffic.ended
    if not ended.any():
        return float("nan")
    return scores.coverage(tokens[ended, _LOW], tokens[ended, _HIGH], traffic.tokens[ended])


def _margin(gain: Array, traffic: LoggedTraffic) -> float:
    """Half the width of the interval of the mean gain, with the prompts as clusters.

    Requests with the same prompt are not independent.
    """
    deviation = np.bincount(traffic.prompt, weights=gain - gain.mean())
    prompts = len(np.unique(traffic.prompt))
    if prompts < 2:
        return float("inf")
    error = np.sqrt(np.sum(deviation**2) * prompts / (prompts - 1)) / len(gain)
    return float(student.ppf((1 + CONFIDENCE) / 2, prompts - 1) * error)
