"""Cells: the samples of one prompt by one model, the unit that training fits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from predictor.arrays import Array, Indices
from predictor.data.censoring import impute_censored
from predictor.data.records import Records
from predictor.training.interval_calibration import is_endless


@dataclass(frozen=True, slots=True)
class Cells:
    """n cells, one for each (prompt, model) that has samples.

    ``prompt`` and ``model`` (n) are indices. ``centre`` (n) is the mean log length of the samples,
    in which a censored sample counts with its expected log length. ``values`` (n x m, NaN padded)
    are the log lengths, in which a censored sample has a random draw from beyond its cut.
    ``weight`` (n, mean 1) is the weight in training, which makes corpora count more alike.
    ``share`` (n, mean 1) is the weight in calibration: each corpus counts by its share of the
    publisher's ``validate`` prompts.
    """

    prompt: Indices
    model: Indices
    centre: Array
    values: Array
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
    weight, share = _weights(records, prompt)
    return Cells(prompt, model, centre, values, weight, share)


def _weights(records: Records, prompt: Indices) -> tuple[Array, Array]:
    """Training and calibration weights of cells, by the corpus of their ``prompt`` (n)."""
    names, corpus = np.unique(records.corpus, return_inverse=True)
    cells = np.maximum(1, np.bincount(corpus[prompt], minlength=len(names)))
    target = np.bincount(corpus[records.validate], minlength=len(names))
    if not target.any():
        target = np.ones(len(names), dtype=np.intp)
    weight = (cells.astype(np.float64) ** -0.5)[corpus[prompt]]
    share = (target / cells)[corpus[prompt]]
    return weight / weight.mean(), share / share.mean()


def length_table(cells: Cells, prompts: int, models: int) -> Array:
    """Mean log lengths of the cells as a table, prompts x models; NaN where unmeasured."""
    table = np.full((prompts, models), np.nan)
    table[cells.prompt, cells.model] = cells.centre
    return table
