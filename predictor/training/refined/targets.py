"""The encoder's targets: log lengths of answers, by model, of everyone, and of other data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from predictor.arrays import Array
from predictor.data.other_models import PromptEffects
from predictor.refined.head_inputs import readable_share
from predictor.training.cells import Cells, table_of
from predictor.training.effects import AnswerEffects
from predictor.training.fast import FittedFastTier

_FEW_MODELS = 3.0  # a prompt that k models answered weighs k / (k + 3)


@dataclass(frozen=True, slots=True)
class Targets:
    """Standardised log lengths ``values`` of P texts (P x C, NaN where unmeasured).

    The first columns are the models'. Then come a column of the prompts' effects over all models,
    those without a column included, and one column for each data set of other models. ``weight``
    (P x C) is 0 where unmeasured. A column's log tokens are ``centre + spread * value``, with
    ``centre`` (C). All lengths are of answers without thinking.
    """

    texts: list[str]
    values: Array
    weight: Array
    centre: Array
    spread: float


def targets(
    texts: list[str],
    cells: Cells,
    answers: AnswerEffects,
    models: int,
    effects: Sequence[PromptEffects],
) -> Targets:
    """The targets of the prompts ``texts`` with their ``cells``, then of the data sets' prompts."""
    count = len(texts)
    level, spread = float(np.nanmean(answers.prompt)), float(np.nanstd(answers.prompt)) or 1.0
    all_texts = [*texts, *(text for data_set in effects for text in data_set.texts)]
    values = np.full((len(all_texts), models + 1 + len(effects)), np.nan)
    weights = np.zeros(values.shape)
    values[:count, : models + 1], weights[:count, : models + 1] = _measured(
        cells, answers, models, (level, spread)
    )
    centre = np.concatenate([level + answers.model[:models], [level], np.zeros(len(effects))])
    first = count
    for column, data_set in enumerate(effects, start=models + 1):
        rows = slice(first, first + len(data_set.texts))
        centre[column] = np.nanmean(data_set.effect)
        values[rows, column] = (data_set.effect - centre[column]) / spread
        weights[rows, column] = np.where(np.isnan(data_set.effect), 0.0, data_set.weight)
        first = rows.stop
    return Targets(all_texts, values, weights, centre, spread)


def targets_of(fast: FittedFastTier, effects: Sequence[PromptEffects]) -> Targets:
    """The targets of the prompts of ``fast``; each weighs by as much as the encoder reads of it.

    It reads Latin script, and of a conversation the last message.
    """
    models = len(fast.models.names)
    whole = targets(fast.records.texts, fast.cells, fast.answers, models, effects)
    located = fast.head.out_of_fold
    prompt, count = fast.cells.prompt[located.cell], len(fast.records.texts)
    rows = np.maximum(1, np.bincount(prompt, minlength=count))
    share = np.bincount(prompt, readable_share(located.inputs), count) / rows
    weight = whole.weight.copy()
    weight[:count] *= share[:, None]
    return replace(whole, weight=weight)


def _measured(
    cells: Cells, answers: AnswerEffects, models: int, scale: tuple[float, float]
) -> tuple[Array, Array]:
    """Values and weights (P x (models + 1)) of the prompts that the cells' models answered."""
    count, (level, spread) = len(answers.prompt), scale
    lengths = table_of(cells, answers.answer, count, models) - answers.model[:models]
    values = (np.column_stack([lengths, answers.prompt]) - level) / spread
    weights = np.nan_to_num(table_of(cells, cells.weight, count, models))
    total = np.bincount(cells.prompt, cells.weight, count)
    weights = np.column_stack([weights, total - weights.sum(axis=1)])
    weights /= (answers.answered + _FEW_MODELS)[:, None]
    return values, weights * count / max(float(weights.sum()), 1e-9)
