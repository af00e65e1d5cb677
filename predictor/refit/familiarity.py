"""What kinds of request an artefact knows: ranges of features, to which a refit adds its traffic.

Without them the intervals of such traffic would stay as wide as those of requests without data,
however many of its answers had been learned.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from predictor.arrays import Array
from predictor.fast.evidence import KINDS, RANGES, WATCHED, ranges
from predictor.refit.editable import EditableArtefact
from predictor.refit.traffic import LoggedTraffic

LEAST = 20
"""Requests in a new script or of a new kind (tools, JSON, ...) from which these are familiar."""


def familiar_with(artefact: EditableArtefact, traffic: LoggedTraffic) -> EditableArtefact:
    """``artefact`` with the ``traffic`` as one more kind of training data."""
    if not len(traffic):
        return artefact
    known = [np.atleast_2d(artefact.arrays[name]) for name in RANGES]
    ends = _ends(np.nan_to_num(traffic.inputs[:, WATCHED]), known[0].min(0), known[1].max(0))
    added = (np.vstack([ends_of, own]) for ends_of, own in zip(known, ends, strict=True))
    return replace(artefact, arrays={**artefact.arrays, **dict(zip(RANGES, added, strict=True))})


def _ends(values: Array, low: Array, high: Array) -> Array:
    """The ranges of the ``values`` (n x d) of traffic (2 x d).

    Scripts and kinds of which there are few requests stay within ``low`` and ``high`` (d), the ends
    of all known ranges.
    """
    ends = ranges(values)
    rare = np.zeros_like(ends, dtype=np.bool_)
    rare[:, KINDS] = np.sum([values < low, values > high], axis=1)[:, KINDS] < LEAST
    bounded = np.array([np.maximum(ends[0], low), np.minimum(ends[1], high)])
    return np.asarray(np.where(rare, bounded, ends))
