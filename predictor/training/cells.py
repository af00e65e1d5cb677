"""Cells: the samples of one prompt by one model, the unit that training fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array, Indices
from predictor.data.censoring import impute_censored
from predictor.data.records import Records
from predictor.features.reasoning import thinking
from predictor.prompt import Prompt
from predictor.training.interval_calibration import is_endless

_UNSPLIT_SHARE = 0.25
"""The share of its prompts by which a corpus without a split ``validate`` counts in calibration."""


@dataclass(frozen=True, slots=True)
class Cells:
    """n cells, one for each (prompt, model) that has samples.

    ``prompt`` and ``model`` (n) are indices. ``centre`` (n) is the mean log length of the samples,
    in which a censored sample counts with its expected log length. ``values`` (n x m, NaN padded)
    are the log lengths, in which a censored sample has a random draw from beyond its cut.
    ``effort`` (n, 0 to 1) is the effort of the thinking that the lengths contain.
    ``count`` (n, at most 1) is how much of a model a cell counts: a family of fine-tunes of one
    base counts as a few models. ``weight`` (n, mean 1) is the weight in training, which also makes
    corpora count more alike.
    ``share`` (n, mean 1) is the weight in calibration: each corpus counts by its ``validate``
    prompts, or by a share of its prompts if the publisher made no such split.
    """

    prompt: Indices
    model: Indices
    centre: Array
    values: Array
    effort: Array
    count: Array
    weight: Array
    share: Array

    def __len__(self) -> int:
        return len(self.prompt)


def cells_of(records: Records) -> Cells:
    """Group the samples by prompt and model.

    Endless answers are left out, because the length of an endless answer says nothing about the
    other answers' lengths; ``interval_calibration.endless_rates`` counts endless answers. Answers
    censored below the generation limit, by ``max_tokens`` or by a client that left, are imputed
    (``data.censoring``).
    """
    usable = np.flatnonzero(~is_endless(records.tokens, records.censored))
    key = records.prompt[usable] * len(records.models) + records.model[usable]
    usable = usable[np.argsort(key, kind="stable")]
    prompt, model = records.prompt[usable], records.model[usable]
    logs = np.log(records.tokens[usable])
    means, drawn = impute_censored(logs, records.censored[usable], prompt, model)
    distinct, starts, counts = np.unique(
        prompt * len(records.models) + model, return_index=True, return_counts=True
    )
    values = np.full((len(distinct), int(counts.max(initial=1))), np.nan)
    cell = np.repeat(np.arange(len(distinct)), counts)
    values[cell, np.arange(len(drawn)) - starts[cell]] = drawn
    centre = np.bincount(cell, means, minlength=len(distinct)) / counts
    prompt, model = np.divmod(distinct, len(records.models))
    count = np.minimum(1.0, np.bincount(cell, records.weight[usable], len(distinct)) / counts)
    weight, share = _weights(records, prompt, count)
    effort = _efforts(records, prompt, model)
    return Cells(prompt, model, centre, values, effort, count, weight, share)


def _efforts(records: Records, prompt: Indices, model: Indices) -> Array:
    """The effort of thinking of n cells: the prompt's, else the usual effort of the model."""
    usual = np.array([thinking(Prompt(name, "")) for name in records.models])
    asked = [entry.reasoning for entry in records.prompts]
    stated = np.array([np.nan if effort is None else max(0.0, effort) for effort in asked])
    return np.where(np.isnan(stated[prompt]), usual[model], stated[prompt])


def _weights(records: Records, prompt: Indices, count: Array) -> tuple[Array, Array]:
    """Training and calibration weights of cells, by the corpus of their ``prompt`` (n)."""
    names, corpus = np.unique(records.corpus, return_inverse=True)
    cells = np.maximum(1.0, np.bincount(corpus[prompt], count, len(names)))
    target = np.bincount(corpus[records.validate], minlength=len(names))
    all_prompts = np.bincount(corpus, minlength=len(names))
    target = np.where(target > 0, target, _UNSPLIT_SHARE * all_prompts)
    weight = count * (cells**-0.5)[corpus[prompt]]
    share = count * (target / cells)[corpus[prompt]]
    return weight / weight.mean(), share / share.mean()


def table_of(cells: Cells, values: Array, prompts: int, models: int) -> Array:
    """One value for each of n cells as a table, prompts x models; NaN without a cell.

    ``values`` (n) belong to the cells; cells of models from number ``models`` on are left out.
    """
    table = np.full((prompts, models), np.nan)
    kept = cells.model < models
    table[cells.prompt[kept], cells.model[kept]] = values[kept]
    return table
