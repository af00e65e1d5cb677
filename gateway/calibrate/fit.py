"""From measurements to costs: non-negative least squares on relative errors, outliers held back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.optimize import nnls

from gateway.calibrate.cost_model import Costs, Fit, Point
from gateway.calibrate.measure import Sample

TOLERATED = 0.05
"""Relative error beyond which a point counts less and less (Huber's weights)."""

ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """The samples of one point."""

    kind: str
    samples: Sequence[Sample]

    @property
    def typical(self) -> Sample:
        """The median of each quantity."""
        names = Sample.__slots__
        return Sample(*(median(getattr(s, name) for s in self.samples) for name in names))


def fit(measured: Sequence[Measured]) -> tuple[Costs, Fit, tuple[Point, ...]]:
    """The costs that explain the points, how well they do, and the points.

    Each point is an equation: base + per_sequence x sequences + ... = seconds; to the first token
    of a prefill also the latency counts that is part of no step. The equations are divided by
    their seconds, so that a short step weighs as much as a long one.
    """
    points = [one.typical for one in measured]
    seconds = np.array([point.seconds for point in points])
    rows = np.array([_row(one.kind, point) for one, point in zip(measured, points, strict=True)])
    relative = rows / seconds[:, None]
    # The columns' scales differ by 10^6, which nnls' tolerance does not survive.
    scale = np.maximum(relative.max(axis=0), 1e-300)
    weights = np.ones(len(points))
    for _ in range(ROUNDS):
        found, _ = nnls(relative / scale * weights[:, None], weights)
        errors = np.abs(relative / scale @ found - 1)
        weights = np.sqrt(np.minimum(1, TOLERATED / np.maximum(errors, 1e-12)))
    costs = dict(zip(_COLUMNS, (found / scale).tolist(), strict=True))
    latency = costs.pop("latency")
    fitted = (rows @ (found / scale)).tolist()
    quality = Fit(
        median_error=float(np.median(errors)),
        worst_error=float(errors.max()),
        request_latency=latency,
    )
    return Costs(**costs), quality, tuple(map(_point, measured, points, fitted))


_COLUMNS = (
    *("base", "per_sequence", "per_kv_token", "per_prefill_token", "per_request"),
    "latency",
)


def _row(kind: str, point: Sample) -> tuple[float, ...]:
    work = (point.sequences, point.kv_tokens, point.prefill_tokens, point.requests)
    return (1.0, *work, float(kind == "prefill"))


def _point(measured: Measured, typical: Sample, fitted: float) -> Point:
    values: Mapping[str, object] = {
        "kind": measured.kind,
        "sequences": max(1, round(typical.sequences)),
        "context": typical.kv_tokens / typical.sequences,
        "seconds": typical.seconds,
        "fitted": fitted,
        "repeats": len(measured.samples),
    }
    return Point.model_validate(values)
