"""Fitting location and scale with LightGBM on cells: one row for each prompt and model."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.data.censoring import impute_censored
from predictor.data.records import Records
from predictor.fast.inputs import ModelMatch, ModelMatches, TrainedModels
from predictor.features.definition import TextFeatures
from predictor.training.calibrate import endless

# Huber's loss: answers that degenerate or refuse must not move the others. The figures were chosen
# by Kendall's tau on two sets of held-out prompts of CASTILLO.
LOCATION = {
    "objective": "huber",
    "alpha": 0.2,
    "learning_rate": 0.0625,
    "num_leaves": 31,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "min_data_in_leaf": 40,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}
SCALE = LOCATION | {"objective": "regression", "num_leaves": 7, "min_data_in_leaf": 150}
LOCATION_ROUNDS, SCALE_ROUNDS = 400, 200

_LEAST_RESIDUAL = 0.02  # log tokens; keeps the logarithm of a lucky residual finite
_UNSEEN_SHARE = 0.3  # of the cells, shown once more with the model's identity dropped
_UNSEEN_WEIGHT = 0.3  # so that learning what to do without it costs the known models nothing


@dataclass(frozen=True, slots=True)
class Cells:
    """The samples of each (prompt, model) that has any: n cells.

    ``centre`` is the mean log length of the samples and ``values`` (n x m, NaN padded) their log
    lengths; of those cut short the expected one, and one drawn. ``weight`` makes the corpora count
    more alike in training; ``share`` makes each count in calibration as it does among the
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

    An answer that never ended says nothing of how long the others are: it is left out, and
    counted in the tail (``calibrate.capped_rates``). One that was cut before that, by a limit or
    a client that left, counts as what is to be expected beyond its cut (``imputed``).
    """
    usable = np.flatnonzero(~endless(records.tokens, records.censored))
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
    """Training and calibration weights of cells, by corpus; a mean of 1 each."""
    names, corpus = np.unique(records.corpus, return_inverse=True)
    cells = np.maximum(1, np.bincount(corpus[prompt], minlength=len(names)))
    target = np.bincount(corpus[records.validate], minlength=len(names))
    if not target.any():
        target = np.ones(len(names), dtype=np.intp)
    weight, share = (
        (cells.astype(np.float64) ** -0.5)[corpus[prompt]],
        (target / cells)[corpus[prompt]],
    )
    return weight / weight.mean(), share / share.mean()


def table(cells: Cells, prompts: int, models: int) -> Array:
    """Mean log lengths as a table, prompts x models, NaN where unmeasured."""
    out = np.full((prompts, models), np.nan)
    out[cells.prompt, cells.model] = cells.centre
    return out


@dataclass(frozen=True, slots=True)
class Rows:
    """Training rows: cells (indices) seen by a route, with inputs, base and weight of each."""

    cell: Indices
    inputs: Array
    base: Array
    weight: Array

    def where(self, keep: Flags) -> Rows:
        """The rows marked in ``keep``."""
        return Rows(self.cell[keep], self.inputs[keep], self.base[keep], self.weight[keep])


@dataclass(frozen=True, slots=True)
class Table:
    """What rows are made from: the cells, and features and scores of their prompts."""

    cells: Cells
    features: TextFeatures
    scores: Array
    models: TrainedModels

    def rows(self, cell: Indices, matches: list[ModelMatch], weight: float = 1.0) -> Rows:
        """Rows of the cells ``cell``, each model standing at its place in ``matches`` (M)."""
        prompt = self.cells.prompt[cell]
        at = ModelMatches.of(matches).rows(self.cells.model[cell])
        scores = self.scores[prompt]
        dense = self.features.dense(prompt)
        inputs, base = self.models.inputs(dense, scores, at)
        return Rows(cell, inputs, base, self.cells.weight[cell] * weight)

    def training_rows(self, cell: Indices, hidden: Indices, rng: np.random.Generator) -> Rows:
        """Rows that teach all routes: each cell as it is, some again with its model unseen."""
        names, known = self.models.names, self.models
        parts = [self.rows(cell, [known.match(name) for name in names])]
        for matches in (
            [known.match_unseen(at, hidden.tolist()) for at in range(len(names))],
            [known.generic()] * len(names),
        ):
            some = rng.random(len(cell)) < _UNSEEN_SHARE
            parts.append(self.rows(cell[some], matches, _UNSEEN_WEIGHT))
        return Rows(
            np.concatenate([part.cell for part in parts]),
            np.concatenate([part.inputs for part in parts]),
            np.concatenate([part.base for part in parts]),
            np.concatenate([part.weight for part in parts]),
        )


def fit_location(rows: Rows, cells: Cells, *, threads: int, seed: int = 0) -> lgb.Booster:
    """The booster of log length less what is known without it (``Rows.base``)."""
    target = cells.centre[rows.cell] - rows.base
    settings = LOCATION | {"num_threads": threads, "seed": seed}
    return _train(settings, rows, target, LOCATION_ROUNDS)


def fit_scale(rows: Rows, cells: Cells, located: Array, *, threads: int) -> lgb.Booster:
    """The booster of log mean absolute residual around ``located`` (n rows, out of fold)."""
    size = np.nanmean(np.abs(cells.values[rows.cell] - located[:, None]), axis=1)
    settings = SCALE | {"num_threads": threads, "seed": 0}
    return _train(settings, rows, np.log(size + _LEAST_RESIDUAL), SCALE_ROUNDS)


def _train(settings: dict[str, object], rows: Rows, target: Array, rounds: int) -> lgb.Booster:
    data = lgb.Dataset(rows.inputs, target, weight=rows.weight, params=settings)
    booster: lgb.Booster = lgb.train(settings, data, rounds)
    return booster


def run(booster: lgb.Booster, rows: Rows, *, threads: int) -> Array:
    """The booster's answers for rows."""
    return np.asarray(booster.predict(rows.inputs, num_threads=threads), dtype=np.float64)
