"""Comparison of two artefacts on the same later traffic, as served and without learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from predictor.adaptive import Forecast
from predictor.arrays import Array, Flags
from predictor.evaluation import scores
from predictor.raw_forecast import LEVELS, RawForecasts
from predictor.refit.as_served import served_crps, served_forecasts
from predictor.refit.editable import EditableArtefact
from predictor.refit.traffic import LoggedTraffic

CONFIDENCE = 0.998
"""Of the interval of a gain. Refits come again and again: at 99 %, one of thirty without a true
gain was promoted."""

LEAST_RAW_GAIN = 0.3
"""The share of the CRPS that a promotion has to save without the adaptive layer, if the layer hides
the gain. Such a gain counts where the layer knows little: new modes, few answers, a change."""

_STANDARD_ERRORS = 3.1  # in the margin of CONFIDENCE

_LOW, _HIGH = (int(np.argmin(np.abs(LEVELS - level))) for level in (0.1, 0.9))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The scores of two artefacts on the same requests.

    CRPS is in tokens, the mean over ``records``. ``gain`` is the first artefact's CRPS minus the
    second's; ``low`` and ``high`` are the ends of its interval (``CONFIDENCE``). Coverage is the
    share of ended answers in the central 80 % interval.
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
    crps = request_crps(before, traffic), request_crps(after, traffic)
    return _comparison(*crps, (coverage(before, traffic), coverage(after, traffic)), traffic)


def compare_served(
    first: EditableArtefact, second: EditableArtefact, traffic: LoggedTraffic, judged: Flags
) -> Comparison:
    """Score both artefacts on the ``judged`` requests (at least two), each with its own layer."""
    rows = traffic.where(judged)
    made = [served_forecasts(artefact, traffic, judged) for artefact in (first, second)]
    crps = [served_crps(forecasts, rows) for forecasts in made]
    covered = [served_coverage(forecasts, rows) for forecasts in made]
    return _comparison(crps[0], crps[1], (covered[0], covered[1]), rows)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Two artefacts compared ``served``, each with an adaptive layer, and ``raw``, without."""

    served: Comparison
    raw: Comparison

    @property
    def convincing(self) -> bool:
        """Whether the second artefact should replace the first.

        Either it is better as served, or far better without the layer and, within a standard error,
        no worse as served.
        """
        far = self.raw.better and self.raw.gain >= LEAST_RAW_GAIN * self.raw.first_crps
        error = (self.served.high - self.served.gain) / _STANDARD_ERRORS
        return self.served.better or (far and self.served.gain >= -error)

    def rounded(self) -> dict[str, float]:
        """The figures as served, and the CRPS without the layer, for a manifest or the history."""
        raw = {"raw_first_crps": self.raw.first_crps, "raw_second_crps": self.raw.second_crps}
        return self.served.rounded() | {name: round(value, 4) for name, value in raw.items()}


def judge(
    first: EditableArtefact, second: EditableArtefact, traffic: LoggedTraffic, judged: Flags
) -> Verdict:
    """Compare on the ``judged`` requests; the adaptive layers also learn from those before."""
    return Verdict(
        compare_served(first, second, traffic, judged),
        compare(first, second, traffic.where(judged)),
    )


def _comparison(
    first: Array, second: Array, covered: tuple[float, float], traffic: LoggedTraffic
) -> Comparison:
    """The comparison of the CRPS (n) of two artefacts, and of the shares they covered."""
    gain = first - second
    mean, margin = float(gain.mean()), _margin(gain, traffic)
    means = float(first.mean()), float(second.mean())
    return Comparison(len(traffic), *means, mean, mean - margin, mean + margin, *covered)


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


def served_coverage(forecasts: Sequence[Forecast], traffic: LoggedTraffic) -> float:
    """``coverage`` of the forecasts as served."""
    ended = np.flatnonzero(traffic.ended).tolist()
    if not ended:
        return float("nan")
    ends = [[forecasts[row].length.quantile(level) for row in ended] for level in (0.1, 0.9)]
    low, high = np.array(ends)
    return scores.coverage(low, high, traffic.tokens[ended])


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
