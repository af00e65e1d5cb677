"""Prompt effects and model effects on log length, from cells of any number of models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array, Indices
from predictor.fast.location import without_thinking
from predictor.training.cells import Cells

_ROUNDS = 30
_MODEL_PRIOR = 3.0  # cells; draws the effect of a model with few cells towards that of all models


@dataclass(frozen=True, slots=True)
class AnswerEffects:
    """The answers of n cells without their thinking, split into effects, in log tokens.

    ``answer`` (n) are the answers, ``prompt`` (P, NaN: no answer) and ``model`` (N) the effects,
    ``answered`` (P) the number of models that answered each prompt.
    """

    answer: Array
    prompt: Array
    model: Array
    answered: Indices

    def departures(self, cells: Cells) -> Array:
        """What prompt and model leave of each cell's answer (n)."""
        return self.answer - self.prompt[cells.prompt] - self.model[cells.model]


def answer_effects(cells: Cells, prompts: int, models: int) -> AnswerEffects:
    """The effects of the cells' answers to ``prompts`` prompts by ``models`` models."""
    answer = without_thinking(cells.centre, cells.effort)
    keys = np.array([cells.prompt, cells.model])
    prompt, model = two_way_effects(keys, answer, cells.count, (prompts, models), _MODEL_PRIOR)
    answered = np.ceil(np.bincount(cells.prompt, cells.count, prompts)).astype(np.intp)
    return AnswerEffects(answer, prompt, model, answered)


def two_way_effects(
    keys: Indices, lengths: Array, weight: Array, shape: tuple[int, int], shrinkage: float = 0.0
) -> tuple[Array, Array]:
    """Prompt effects (P) and model effects (M) of n cells; ``shape`` is (P, M).

    ``keys`` (2 x n) are the indices of the cells' prompts and models. Least squares of length =
    prompt + model by alternating weighted means. A prompt without a cell has the effect NaN. The
    model effects have a mean of 0 over the cells; ``shrinkage`` (cells) draws them there, so that
    models and prompts measured apart from all others keep a level.
    """
    (prompt, model), (prompts, models) = keys, shape
    of_prompt = np.bincount(prompt, weight, prompts)
    of_model = np.bincount(model, weight, models)
    effect, level = np.zeros(prompts), np.zeros(models)
    for _ in range(_ROUNDS):
        rest = np.bincount(prompt, weight * (lengths - level[model]), prompts)
        effect = rest / np.maximum(1e-9, of_prompt)
        rest = np.bincount(model, weight * (lengths - effect[prompt]), models)
        level = rest / np.maximum(1e-9, of_model + shrinkage)
        level -= np.average(level, weights=of_model)
    return np.where(of_prompt > 0, effect, np.nan), level
