"""How far stated priors hold in the training data, and the ranges of features by kind."""

from __future__ import annotations

import numpy as np

from predictor.arrays import Array, Indices
from predictor.fast.evidence import Evidence, strangeness, watched
from predictor.features.definition import TextFeatures
from predictor.features.prior import priors
from predictor.features.prior_table import LINES

_PRIOR = 25.0  # prompts; data of so many counts as much as what the table states
_SPREAD_OF_SHIFT = 1.0  # log tokens; how far off a stated length may be
_ENDS = (0.004, 0.996)  # quantiles of a feature that are a kind's range
_MOST_SHARE = 0.97


def fit_evidence(
    features: TextFeatures, effect: Array, score: Array, answered: Indices, kind: Indices
) -> tuple[Evidence, Array]:
    """The evidence from P prompts, and each prompt's strangeness to all other kinds (P).

    ``effect`` (P, NaN: no answer) are the prompts' effects on log length, ``score`` (P) those that
    the text model expects out of fold, ``answered`` (P) the numbers of answering models, ``kind``
    (P) the kinds of traffic.
    """
    shares, shifts = _fit_priors(features, effect, score, answered / (answered + 3.0))
    values = watched(features)
    kinds = np.unique(kind)
    ranges = np.array([_range(values[kind == part]) for part in kinds])
    apart = np.empty(len(kind))
    for index, part in enumerate(kinds):
        others = np.delete(ranges, index, axis=0)
        inside = kind == part
        apart[inside] = strangeness(values[inside], *_union(others)) if len(others) else 0.0
    return Evidence(shares, shifts, *_union(ranges)), apart


def _range(values: Array) -> Array:
    """The ends of each feature's range in one kind (2 x d); NaN counts as 0."""
    low, high = np.quantile(np.nan_to_num(values), _ENDS, axis=0)
    return np.array([low, high])


def _union(ranges: Array) -> tuple[Array, Array]:
    return ranges[:, 0].min(axis=0), ranges[:, 1].max(axis=0)


def _fit_priors(
    features: TextFeatures, effect: Array, score: Array, weight: Array
) -> tuple[Array, Array]:
    """Share and shift of each line of the table: ridge regression towards what it states.

    effect - score = share x (prior + shift - score). The shift is the mean of effect - prior, drawn
    towards 0; then the share is drawn towards the line's trust.
    """
    prior = priors(features.lexical, features.context)
    known = ~np.isnan(effect) & (prior.trust > 0)
    shares, shifts = np.array([line.trust for line in LINES]), np.zeros(len(LINES))
    for line in np.unique(prior.line[known]):
        rows = known & (prior.line == line)
        counts = weight[rows]
        off = effect[rows] - prior.location[rows]
        shifts[line] = counts @ off / (counts.sum() + _PRIOR / _SPREAD_OF_SHIFT**2)
        gap = prior.location[rows] + shifts[line] - score[rows]
        square = float(counts @ gap**2) + _PRIOR
        share = (counts @ (gap * (effect[rows] - score[rows])) + _PRIOR * shares[line]) / square
        shares[line] = np.clip(share, 0.0, _MOST_SHARE)
    return shares, shifts
