"""LightGBM boosters of location and scale, fitted to cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.fast.inputs import ModelMatch, ModelMatches, TrainedModels
from predictor.features.definition import TextFeatures
from predictor.training.cells import Cells

# Huber's loss keeps degenerate answers and refusals from moving the others. The values were chosen
# by Kendall's tau on two sets of held-out prompts of CASTILLO.
LOCATION_SETTINGS = {
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
SCALE_SETTINGS = LOCATION_SETTINGS | {
    "objective": "regression",
    "num_leaves": 7,
    "min_data_in_leaf": 150,
}
LOCATION_ROUNDS, SCALE_ROUNDS = 400, 200

_LEAST_RESIDUAL = 0.02  # log tokens; keeps the logarithm of a residual near 0 finite
_UNSEEN_SHARE = 0.3  # share of the cells that are repeated with the model's identity hidden
_UNSEEN_WEIGHT = 0.3  # low: the repeated rows must not cost accuracy on known models


@dataclass(frozen=True, slots=True)
class Rows:
    """n training rows: the index of each row's ``cell``, its ``inputs``, ``base`` and ``weight``.

    ``base`` (n, log tokens) is the part of the log length that needs no booster
    (``fast.inputs.location_base``).
    """

    cell: Indices
    inputs: Array
    base: Array
    weight: Array

    def where(self, keep: Flags) -> Rows:
        """The rows marked in ``keep`` (n)."""
        return Rows(self.cell[keep], self.inputs[keep], self.base[keep], self.weight[keep])

    @classmethod
    def concatenate(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of the ``parts`` in order."""
        return cls(
            np.concatenate([part.cell for part in parts]),
            np.concatenate([part.inputs for part in parts]),
            np.concatenate([part.base for part in parts]),
            np.concatenate([part.weight for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class CellInputs:
    """The source of rows: the cells, the prompts' features and text scores, and the M models."""

    cells: Cells
    features: TextFeatures
    scores: Array
    models: TrainedModels

    def rows(self, cell: Indices, matches: list[ModelMatch], weight: float = 1.0) -> Rows:
        """Rows of the cells ``cell`` (indices); ``matches`` (M) are the matches of the models."""
        prompt = self.cells.prompt[cell]
        row_matches = ModelMatches.from_matches(matches).rows(self.cells.model[cell])
        features = self.features.dense(prompt)
        inputs, base = self.models.inputs(features, self.scores[prompt], row_matches)
        return Rows(cell, inputs, base, self.cells.weight[cell] * weight)

    def training_rows(self, cell: Indices, hidden: Indices, rng: np.random.Generator) -> Rows:
        """Rows of all routes: every cell with its model known, some related, some generic.

        A related model's relatives are the known models outside ``hidden`` (indices).
        """
        names, models = self.models.names, self.models
        parts = [self.rows(cell, [models.match(name) for name in names])]
        for matches in (
            [models.match_unseen(index, hidden.tolist()) for index in range(len(names))],
            [models.generic()] * len(names),
        ):
            repeated = rng.random(len(cell)) < _UNSEEN_SHARE
            parts.append(self.rows(cell[repeated], matches, _UNSEEN_WEIGHT))
        return Rows.concatenate(parts)


def fit_location(rows: Rows, cells: Cells, *, threads: int, seed: int = 0) -> lgb.Booster:
    """The booster of the cells' log length minus ``Rows.base``."""
    target = cells.centre[rows.cell] - rows.base
    settings = LOCATION_SETTINGS | {"num_threads": threads, "seed": seed}
    return _fit(settings, rows, target, LOCATION_ROUNDS)


def fit_scale(rows: Rows, cells: Cells, location: Array, *, threads: int) -> lgb.Booster:
    """The booster of the log mean absolute residual around ``location`` (n rows, out of fold)."""
    residual = np.nanmean(np.abs(cells.values[rows.cell] - location[:, None]), axis=1)
    settings = SCALE_SETTINGS | {"num_threads": threads, "seed": 0}
    return _fit(settings, rows, np.log(residual + _LEAST_RESIDUAL), SCALE_ROUNDS)


def _fit(settings: dict[str, object], rows: Rows, target: Array, rounds: int) -> lgb.Booster:
    data = lgb.Dataset(rows.inputs, target, weight=rows.weight, params=settings)
    booster: lgb.Booster = lgb.train(settings, data, rounds)
    return booster


def predict(booster: lgb.Booster, rows: Rows, *, threads: int) -> Array:
    """The booster's output for each row (n)."""
    return np.asarray(booster.predict(rows.inputs, num_threads=threads), dtype=np.float64)
