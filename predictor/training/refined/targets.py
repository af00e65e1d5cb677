"""What the encoder learns: log lengths of prompts by models, and of other prompts by others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array
from predictor.data.other_models import PromptEffects
from predictor.training.boosters import Cells, table
from predictor.training.text_model import effects

_FEW_MODELS = 3.0  # a prompt that k models answered weighs k / (k + 3): few tell less of it


@dataclass(frozen=True, slots=True)
class Targets:
    """P texts with standardised log lengths by column (P x C, NaN where unmeasured) and weights.

    The first M columns are the models'; each data set of other models has one column after them.
    A column's log tokens are ``centre + spread * value`` (C each).
    """

    texts: list[str]
    values: Array
    weight: Array
    centre: Array
    spread: float
    models: int


def targets(texts: list[str], cells: Cells, models: int, extras: list[PromptEffects]) -> Targets:
    """The targets of the main prompts ``texts`` (whose cells are given) and of the extras'."""
    lengths = table(cells, len(texts), models)
    weight = np.zeros_like(lengths)
    weight[cells.prompt, cells.model] = cells.weight
    count = (weight > 0).sum(axis=1, keepdims=True)
    weight /= count + _FEW_MODELS
    weight *= len(texts) / max(weight.sum(), 1e-9)
    _, offsets = effects(lengths)
    level = float(np.nanmean(lengths - offsets))
    spread = float(np.nanstd(lengths - offsets)) or 1.0
    all_texts = [*texts, *(text for extra in extras for text in extra.texts)]
    values = np.full((len(all_texts), models + len(extras)), np.nan)
    weights = np.zeros(values.shape)
    values[: len(texts), :models] = (lengths - offsets - level) / spread
    weights[: len(texts), :models] = weight
    centre = np.concatenate([level + offsets, np.zeros(len(extras))])
    at = len(texts)
    for column, extra in enumerate(extras, start=models):
        rows = slice(at, at + len(extra.texts))
        centre[column] = np.nanmean(extra.effect)
        values[rows, column] = (extra.effect - centre[column]) / spread
        weights[rows, column] = np.where(np.isnan(extra.effect), 0.0, extra.weight)
        at = rows.stop
    return Targets(all_texts, values, weights, centre, spread, models)
