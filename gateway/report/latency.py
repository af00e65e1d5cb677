"""Where the time went: queue, first token and decoding, by length class."""

from __future__ import annotations

from typing import Any

import numpy as np

from gateway.report.groups import CLASSES, class_of
from gateway.report.served import Served
from predictor.arrays import Array, Flags

PHASES = {"queue": "queue", "prefill": "first token", "decode": "decoding", "e2e": "whole time"}
"""Phase -> its name."""


def latency(served: Served) -> dict[str, Any]:
    """The figures on the times of whole answers, in seconds."""
    answered = served.of(served.whole)
    phases = {
        "queue": answered.queue_wait,
        "prefill": answered.prefill,
        "decode": answered.decode,
        "e2e": answered.e2e,
        "ttft": answered.ttft,
    }
    index = class_of(answered.number("output_tokens"))
    everyone = np.ones(len(answered), dtype=np.bool_)
    classes = {"all": everyone} | {name: index == at for at, name in enumerate(CLASSES)}
    return {
        "requests": len(answered),
        "classes": [
            {"name": name, "requests": int(rows.sum()), **_phases(phases, rows)}
            | _stack(phases, rows)
            for name, rows in classes.items()
            if rows.any()
        ],
    }


def _phases(phases: dict[str, Array], rows: Flags) -> dict[str, Any]:
    found = {name: _statistics(values[rows]) for name, values in phases.items()}
    return {name: row for name, row in found.items() if row is not None}


def _stack(phases: dict[str, Array], rows: Flags) -> dict[str, Any]:
    """Means of the parts over the answers that have all parts, so that they add up."""
    parts = ("queue", "prefill", "decode", "e2e")
    chosen = np.stack([phases[part][rows] for part in parts])
    known = chosen[:, ~np.isnan(chosen).any(axis=0)]
    if not known.shape[1]:
        return {}
    return {"stack": dict(zip(parts, known.mean(axis=1).tolist(), strict=True))}


def _statistics(values: Array) -> dict[str, float] | None:
    """Count, mean and percentiles of the values that are known; None if none is."""
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    p50, p90, p99 = np.quantile(known, (0.5, 0.9, 0.99)).tolist()
    mean = float(known.mean())
    return {"requests": len(known), "mean": mean, "p50": p50, "p90": p90, "p99": p99}
