"""LightGBM boosters of location and scale, fitted to cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.fast.formulas import correction_share, location_base
from predictor.fast.inputs import THINKING, ModelMatch, ModelMatches, TrainedModels
from predictor.features.definition import TextFeatures
from predictor.training.cells import Cells

# Huber's loss keeps degenerate answers and refusals from moving the others. The values were chosen
# by Kendall's tau on two sets of held-out prompts of CASTILLO.
LOCATION_RATE = 0.0625
LOCATION_SETTINGS = {
    "objective": "huber",
    "alpha": 0.35,
    "learning_rate": LOCATION_RATE,
    "num_leaves": 95,
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
_HASTE = 3  # a hasty fit has so many times fewer trees, at a rate so many times higher

_LEAST_RESIDUAL = 0.02  # log tokens; keeps the logarithm of a residual near 0 finite
_UNSEEN_SHARE = 0.3  # share of the cells that are repeated with the model's identity hidden
_UNSEEN_WEIGHT = 0.3  # low: the repeated rows must not cost accuracy on known models


@dataclass(frozen=True, slots=True)
class Rows:
    """n training rows: the index of each row's ``cell``, its ``inputs`` and ``weight``."""

    cell: Indices
    inputs: Array
    weight: Array

    @property
    def base(self) -> Array:
        """The part of the log length that needs no booster (n, log tokens)."""
        return location_base(self.inputs)

    def where(self, keep: Flags) -> Rows:
        """The rows marked in ``keep`` (n)."""
        return Rows(self.cell[keep], self.inputs[keep], self.weight[keep])

    @classmethod
    def concatenate(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of the ``parts`` in order."""
        return cls(
            np.concatenate([part.cell for part in parts]),
            np.concatenate([part.inputs for part in parts]),
            np.concatenate([part.weight for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class CellInputs:
    """The source of rows: the cells, and the prompts' features and text scores.

    ``evident`` (P x 5) are the columns of ``Evidence`` for each prompt. ``names`` (N) are the names
    of the cells' models, the trained ``models`` (M) first.
    """

    cells: Cells
    features: TextFeatures
    scores: Array
    evident: Array
    models: TrainedModels
    names: Sequence[str]

    def matches(self) -> list[ModelMatch]:
        """The match of each of the N models."""
        return [self.models.match(name) for name in self.names]

    def generic(self) -> list[ModelMatch]:
        """The match of each of the N models as one without relatives."""
        return [self.models.generic(name) for name in self.names]

    def unseen(self, hidden: Indices) -> list[ModelMatch]:
        """The match of each of the N models as if it and the models ``hidden`` were unseen."""
        known = len(self.models.names)
        among = hidden[hidden < known].tolist()
        seen = [self.models.match_unseen(index, among) for index in range(known)]
        return [*seen, *(self.models.match(name) for name in self.names[known:])]

    def rows(self, cell: Indices, matches: list[ModelMatch], weight: float = 1.0) -> Rows:
        """Rows of the cells ``cell`` (indices); ``matches`` (N) are the matches of the models."""
        prompt = self.cells.prompt[cell]
        row_matches = ModelMatches.from_matches(matches).rows(self.cells.model[cell])
        features = self.features.dense(prompt)
        inputs = self.models.inputs(
            features, self.scores[prompt], self.evident[prompt], row_matches
        )
        inputs[:, THINKING] = self.cells.effort[cell]
        return Rows(cell, inputs, self.cells.weight[cell] * weight)

    def training_rows(self, cell: Indices, hidden: Indices, rng: np.random.Generator) -> Rows:
        """Rows of all routes: every cell with its model known, some related, some generic.

        A related model's relatives are the known models outside ``hidden`` (indices).
        """
        parts = [self.rows(cell, self.matches())]
        for matches in (self.unseen(hidden), self.generic()):
            repeated = rng.random(len(cell)) < _UNSEEN_SHARE
            parts.append(self.rows(cell[repeated], matches, _UNSEEN_WEIGHT))
        return Rows.concatenate(parts)


def fit_location(
    rows: Rows, cells: Cells, *, threads: int, seed: int = 0, hasty: bool = False
) -> lgb.Booster:
    """The booster of the cells' log length minus ``Rows.base``; ``hasty``: in a third of the time.

    Where only a share of the output counts in the location, the target is larger and its weight
    smaller in the same proportion.
    """
    share = correction_share(rows.inputs)
    target = (cells.centre[rows.cell] - rows.base) / share
    haste = _HASTE if hasty else 1
    rate = haste * LOCATION_RATE
    settings = LOCATION_SETTINGS | {"num_threads": threads, "seed": seed, "learning_rate": rate}
    return _fit(settings, rows, target, rows.weight * share**2, LOCATION_ROUNDS // haste)


def fit_scale(rows: Rows, cells: Cells, location: Array, *, threads: int) -> lgb.Booster:
    """The booster of the log mean absolute residual around ``location`` (n rows, out of fold)."""
    residual = np.nanmean(np.abs(cells.values[rows.cell] - location[:, None]), axis=1)
    settings = SCALE_SETTINGS | {"num_threads": threads, "seed": 0}
    return _fit(settings, rows, np.log(residual + _LEAST_RESIDUAL), rows.weight, SCALE_ROUNDS)


def _fit(
    settings: dict[str, object], rows: Rows, target: Array, weight: Array, rounds: int
) -> lgb.Booster:
    data = lgb.Dataset(rows.inputs, target, weight=weight, params=settings)
    booster: lgb.Booster = lgb.train(settings, data, rounds)
    return booster


def locate(booster: lgb.Booster, rows: Rows, *, threads: int) -> Array:
    """The location of each row (n, log tokens)."""
    return rows.base + correction_share(rows.inputs) * predict(booster, rows, threads=threads)


def predict(booster: lgb.Booster, rows: Rows, *, threads: int) -> Array:
    """The booster's output for each row (n)."""
    return np.asarray(booster.predict(rows.inputs, num_threads=threads), dtype=np.float64)
