"""How far stated priors hold in the training data, and the ranges of features by kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from predictor.arrays import Array
from predictor.fast.evidence import Evidence, is_code, novelty, ranges, watched
from predictor.features.definition import TextFeatures
from predictor.features.prior import priors
from predictor.features.prior_table import LINES
from predictor.training.text_model import TextTargets

_STATED = 60.0
"""Prompts of data that count as much as a stated length of trust 0.5; a firmer one counts more.

The data's requests for lists, essays and facts are those of a few sets, asked in their way, so the
table holds until many prompts speak against it. The number was chosen on ``everyday.jsonl`` of the
tests: with 20 fewer medians are in range there, and tau in scope of CASTILLO is no higher."""

_MOST_SHARE = 0.97
_FEW_MODELS = 3.0  # a prompt that k models answered weighs k / (k + 3)


def fit_evidence(
    features: TextFeatures, targets: TextTargets, score: Array, texts: Sequence[str]
) -> tuple[Evidence, Array]:
    """The evidence from P prompts, and each prompt's novelty to all other kinds (P x 2).

    ``score`` (P) is the effect on log length that the text model expects out of fold. A text of
    ``texts`` (P) that is asked with several settings counts once.
    """
    of_text = np.unique(np.array(texts, dtype=np.object_), return_inverse=True)[1]
    once = 1.0 / np.bincount(of_text)[of_text]
    shares, shifts = _fit_priors(features, targets, score, once)
    values, kinds = watched(features), np.unique(targets.kind)
    ends = np.array([ranges(values[targets.kind == part]) for part in kinds])
    apart = np.zeros((len(values), 2))
    for index, part in enumerate(kinds if len(kinds) > 1 else []):
        inside = targets.kind == part
        others = np.delete(ends, index, axis=0)
        apart[inside] = novelty(values[inside], others[:, 0], others[:, 1])
    return Evidence(shares, shifts, ends[:, 0], ends[:, 1]), apart


def _fit_priors(
    features: TextFeatures, targets: TextTargets, score: Array, once: Array
) -> tuple[Array, Array]:
    """Share and shift of each line of the table: ridge regression towards what it states.

    Tasks with code have no part, and a demand that may be none counts by its strength. ``once`` (P)
    is each prompt's share of its text.
    effect - score = share x (prior + shift - score). The shift is the mean of effect - prior, drawn
    towards 0; then the share is drawn towards the line's trust.
    """
    prior, effect = priors(features.lexical, features.context), targets.effect
    weight = targets.answered / (targets.answered + _FEW_MODELS) * prior.strength * once
    known = ~np.isnan(effect) & (prior.trust > 0) & ~is_code(features)
    shares, shifts = np.array([line.trust for line in LINES]), np.zeros(len(LINES))
    for line in np.unique(prior.line[known]):
        rows = known & (prior.line == line)
        counts, stated = weight[rows], shares[line]
        odds = stated / (1 - stated)
        firm = _STATED * odds
        off = effect[rows] - prior.location[rows]
        shifts[line] = counts @ off / (counts.sum() + firm)
        gap = prior.location[rows] + shifts[line] - score[rows]
        moved = counts @ (gap * (effect[rows] - score[rows])) + firm * stated
        shares[line] = np.clip(moved / (float(counts @ gap**2) + firm), 0.0, _MOST_SHARE)
    return shares, shifts
