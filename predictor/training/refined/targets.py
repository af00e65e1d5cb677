"""The encoder's targets: log lengths of CASTILLO's prompts and of other models' prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array
from predictor.data.other_models import PromptEffects
from predictor.training.cells import Cells, length_table
from predictor.training.text_model import two_way_effects

_FEW_MODELS = 3.0  # a prompt that k models answered weighs k / (k + 3)


@dataclass(frozen=True, slots=True)
class Targets:
    """Standardised log lengths ``values`` of P texts (P x C, NaN where unmeasured).

    The first columns are the models'; each data set of other models has one column after them.
    ``weight`` (P x C) is 0 where unmeasured. A column's log tokens are ``centre + spread * value``
    (``centre``: C).
    """

    texts: list[str]
    values: Array
    weight: Array
    centre: Array
    spread: float


def targets(
    texts: list[str], cells: Cells, models: int, effects: Sequence[PromptEffects]
) -> Targets:
    """The targets of the prompts ``texts`` with their ``cells``, then of the data sets' prompts."""
    lengths = length_table(cells, len(texts), models)
    weight = np.zeros_like(lengths)
    weight[cells.prompt, cells.model] = cells.weight
    count = (weight > 0).sum(axis=1, keepdims=True)
    weight /= count + _FEW_MODELS
    weight *= len(texts) / max(weight.sum(), 1e-9)
    _, offsets = two_way_effects(lengths)
    level = float(np.nanmean(lengths - offsets))
    spread = float(np.nanstd(lengths - offsets)) or 1.0
    all_texts = [*texts, *(text for data_set in effects for text in data_set.texts)]
    values = np.full((len(all_texts), models + len(effects)), np.nan)
    weights = np.zeros(values.shape)
    values[: len(texts), :models] = (lengths - offsets - level) / spread
    weights[: len(texts), :models] = weight
    centre = np.concatenate([level + offsets, np.zeros(len(effects))])
    first = len(texts)
    for column, data_set in enumerate(effects, start=models):
        rows = slice(first, first + len(data_set.texts))
        centre[column] = np.nanmean(data_set.effect)
        values[rows, column] = (data_set.effect - centre[column]) / spread
        weights[rows, column] = np.where(np.isnan(data_set.effect), 0.0, data_set.weight)
        first = rows.stop
    return Targets(all_texts, values, weights, centre, spread)
