"""Out-of-fold forecasts of both tiers, which the refined head is fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array, Indices, Single
from predictor.fast.inputs import KNOWN, RELATED, ModelMatch
from predictor.raw_forecast import LEVELS, RawForecasts
from predictor.refined.head_inputs import whole_lengths
from predictor.training import crossfit
from predictor.training.fast import FittedFastTier

_UNSEEN_WEIGHT = 0.3  # as in the fast tier: rows whose model is hidden


@dataclass(frozen=True, slots=True)
class StackingCells:
    """n (prompt, model) cells with out-of-fold forecasts of both tiers and measured lengths.

    ``raw_forecasts`` (n) are the fast tier's; their ``shape`` is not read. ``encoded`` (n x D) are
    the encoder's ``whole_lengths``. ``matches`` (n) are the models' matches, ``prompt`` and
    ``model`` (n) indices, ``values`` (n x m, NaN padded) log lengths. ``weight`` (n) counts in the
    fit and ``share`` (n) in the calibration.
    """

    raw_forecasts: RawForecasts
    encoded: Array
    matches: list[ModelMatch]
    prompt: Indices
    model: Indices
    values: Array
    weight: Array
    share: Array


def stacking_cells(fast: FittedFastTier, rows: Indices, encoded: Single) -> StackingCells:
    """The out-of-fold ``rows`` of both tiers; ``encoded`` has one row for each prompt."""
    cells, located = fast.cells, fast.head.out_of_fold
    cell = located.cell[rows]
    matches = [_match(fast, row) for row in rows.tolist()]
    seen = np.array([match.route == KNOWN for match in matches])
    seen |= cells.model[cell] >= len(fast.models.names)
    raw_forecasts = RawForecasts(
        location=located.location[rows],
        scale=located.scale[rows],
        shape=np.zeros((len(rows), len(LEVELS))),
        endless=np.zeros(len(rows)),
        inputs=located.inputs[rows],
    )
    return StackingCells(
        raw_forecasts=raw_forecasts,
        encoded=whole_lengths(encoded[cells.prompt[cell]], located.inputs[rows]),
        matches=matches,
        prompt=cells.prompt[cell],
        model=cells.model[cell],
        values=cells.values[cell],
        weight=cells.weight[cell] * np.where(seen, 1.0, _UNSEEN_WEIGHT),
        share=cells.share[cell],
    )


def _match(fast: FittedFastTier, row: int) -> ModelMatch:
    """The match of an out-of-fold row's model in the fast tier's cross-fit; see ``crossfit``."""
    located, models = fast.head.out_of_fold, fast.models
    route, model = int(located.inputs[row, -1]), int(fast.cells.model[located.cell[row]])
    name, known = fast.records.models[model], len(models.names)
    if route == KNOWN or (route == RELATED and model >= known):
        return models.match(name)
    if route != RELATED:
        return models.generic(name)
    hidden = [index for index in range(known) if index % crossfit.FOLDS == located.fold[row]]
    return models.match_unseen(model, hidden)
