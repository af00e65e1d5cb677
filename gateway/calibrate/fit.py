"""From measurements to costs: robust non-negative least squares on relative errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from gateway.calibrate.cost_model import Costs, FitErrors, FittedPoint, PointKind
from gateway.calibrate.measure import StepSample
from gateway.calibrate.robust import solve

_TERMS = (
    *("base", "per_sequence", "per_kv_token", "per_prefill_token", "per_request"),
    "latency",
)


@dataclass(frozen=True, slots=True)
class PointSamples:
    """The repeated measurements of one point."""

    kind: PointKind
    samples: Sequence[StepSample]

    @property
    def median(self) -> StepSample:
        """The median of each quantity over the repeats."""
        names = StepSample.__slots__
        return StepSample(*(median(getattr(s, name) for s in self.samples) for name in names))


def fit(points: Sequence[PointSamples]) -> tuple[Costs, FitErrors, tuple[FittedPoint, ...]]:
    """The costs that fit the points best, the quality of the fit, and the points.

    Each point is one equation: base + per_sequence x sequences + ... = seconds. The time to the
    first token of a prefill also contains the latency outside engine steps. Each equation is
    divided by its seconds, so short steps count as much as long ones.
    """
    medians = [point.median for point in points]
    seconds = np.array([sample.seconds for sample in medians])
    work = np.array(
        [_work(point.kind, sample) for point, sample in zip(points, medians, strict=True)]
    )
    solution, errors = solve(work / seconds[:, None])
    costs = dict(zip(_TERMS, solution.tolist(), strict=True))
    quality = FitErrors(
        median_error=float(np.median(errors)),
        worst_error=float(errors.max()),
        request_latency=costs.pop("latency"),
    )
    fitted = (work @ solution).tolist()
    return Costs(**costs), quality, tuple(map(_fitted_point, points, medians, fitted))


def _work(kind: PointKind, sample: StepSample) -> tuple[float, ...]:
    """The factor of each term of ``_TERMS``."""
    work = (sample.sequences, sample.kv_tokens, sample.prefill_tokens, sample.requests)
    return (1.0, *work, float(kind == "prefill"))


def _fitted_point(point: PointSamples, typical: StepSample, fitted: float) -> FittedPoint:
    return FittedPoint(
        kind=point.kind,
        sequences=max(1, round(typical.sequences)),
        context=typical.kv_tokens / typical.sequences,
        seconds=typical.seconds,
        fitted=fitted,
        repeats=len(point.samples),
    )
