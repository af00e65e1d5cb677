"""Stacking: the refined tier's head, fitted on out-of-fold forecasts of both tiers."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.fast.inputs import ROUTES, ModelMatches, TrainedModels
from predictor.refined.head import RefinedHead, blended, shrunk_scale
from predictor.refined.head_inputs import encoder_share, head_inputs, own_column
from predictor.training.refined.fast_widths import with_fast_widths
from predictor.training.refined.interval_calibration import shapes_by_scale
from predictor.training.refined.stacking_cells import StackingCells

FOLDS = 5

TRUST = 0.8
"""The share of a log scale's departure from the mean log scale that is kept.

The mean of a forecast grows with the scale, so noise of the scale is noise of the mean. On a
hold-out, a share of 1 instead of 0.8 does not improve CRPS and lowers the tau of the mean by 0.001.
"""

# Few and shallow trees: there are few rows, and both tiers have read the text already.
_COMMON: dict[str, object] = {
    "learning_rate": 0.05,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 20.0,
    "max_bin": 63,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 0,
}
_LOCATION = _COMMON | {
    "objective": "huber",
    "alpha": 0.2,
    "learning_rate": 0.07,
    "num_leaves": 16,
    "min_data_in_leaf": 60,
}
_CORRECTION = _LOCATION | {"learning_rate": 0.04, "num_leaves": 6, "min_data_in_leaf": 200}
"""Of the location around an encoder that exists. Cross-fitted on five kinds that the encoder does
not know, 300 trees as of _LOCATION rank worse than none where a model is known (0.355, 0.369), or
related (0.308, 0.311); 150 of these rank as well or better (0.369, 0.328) and err less."""
_PUBLISHED_ROUNDS = 60
"""Trees as of _CORRECTION for a head that is published. On training prompts whose group of
near-duplicates was left out of both tiers and the head, answered by models of all licences, mean
tau of five kinds is 0.301 with 60, 0.300 with 150, and 0.299 with 150 as of _LOCATION."""
_SCALE = _COMMON | {"objective": "regression", "num_leaves": 6, "min_data_in_leaf": 150}
_LOCATION_ROUNDS, _SCALE_ROUNDS, _CORRECTION_ROUNDS = 150, 100, 150

_RIDGE = 1.0  # draws the blend of a route with few rows towards the fast tier alone
_LEAST_RESIDUAL = 0.02
_LEAST_SHARE = 1e-3  # of the booster in the location, by which its targets are divided


@dataclass(frozen=True, slots=True)
class _FittedLocation:
    """The blend of both tiers' locations (routes x 3), and the booster of what the blend leaves."""

    blend: Array
    booster: lgb.Booster


def fit_refined_head(
    cells: StackingCells, models: TrainedModels, *, threads: int = 1
) -> RefinedHead:
    """Fit blend, location and scale on all ``cells``, and the shapes by cross-fitting in them."""
    rows = _StackedRows.from_cells(cells, 0.0, threads)
    location = np.empty(len(rows.inputs))
    for part in range(FOLDS):
        fitted, out = rows.fit_location(rows.fold != part), rows.fold == part
        change = np.asarray(fitted.booster.predict(rows.inputs[out]), dtype=np.float64)
        location[out] = rows.base(fitted.blend)[out] + rows.share[out] * change
    scale_booster, change = _fit_scale(rows, location)
    level = float(np.mean(np.log(cells.raw_forecasts.scale) + change))
    scale = shrunk_scale(cells.raw_forecasts.scale, change, level, TRUST)
    knots, shapes = shapes_by_scale(
        (cells.values - location[:, None]) / scale[:, None],
        np.where(np.isnan(cells.values), 0.0, cells.share[:, None]),
        scale,
        cells.prompt,
        models.group(rows.models.routes, cells.model),
        groups=len(models.names) + 2,
    )
    final = rows.fit_location(np.ones(len(rows.inputs), dtype=bool))
    trees = final.booster, scale_booster
    return RefinedHead(*trees, final.blend, level, TRUST, 0.0, knots, shapes, models)


def fit_published_head(
    cells: StackingCells, models: TrainedModels, shapes: Array, *, threads: int = 1
) -> RefinedHead:
    """Fit blend and location on all ``cells``; scales and ``shapes`` are the fast tier's.

    For models and kinds of requests without training data, scales and shapes of a head's own are
    wrong: on such prompts medians are off by a factor of 3.5 instead of 2.3, and for known models
    the error of the quantiles is the same within 1 %.
    """
    rows = _StackedRows.from_cells(cells, 0.0, threads)
    everything = np.ones(len(rows.inputs), dtype=bool)
    blend = _fit_blend(rows, everything)
    target = rows.centre - rows.base(blend)
    location = rows.fit_trees(target, everything, _PUBLISHED_ROUNDS, _CORRECTION)
    return with_fast_widths(location, blend, 0.0, shapes, models)


def fit_correction(
    cells: StackingCells, seen: Flags, blend: Array, fast_share: float | Array, *, threads: int = 1
) -> lgb.Booster:
    """The booster of the location around an encoder that exists already, and its ``blend``.

    ``seen`` (n) marks the cells of kinds of prompts that the encoder was trained on. Its outputs
    are too good there, so the booster learns from the other cells alone what to correct, and from
    those that are seen that there is nothing to correct.
    """
    rows = _StackedRows.from_cells(cells, fast_share, threads)
    target = np.where(seen, 0.0, rows.centre - rows.base(blend))
    everything = np.ones(len(seen), dtype=bool)
    return rows.fit_trees(target, everything, _CORRECTION_ROUNDS, _CORRECTION)


@dataclass(frozen=True, slots=True)
class _StackedRows:
    """The cells as the head's boosters read them.

    Per cell: the match of the cell's model (``models``), the boosters' ``inputs``, the ``share`` of
    the location's booster that counts (n), the mean log length ``centre`` (n) and the ``fold`` (n).
    """

    cells: StackingCells
    models: ModelMatches
    fast_share: float | Array
    inputs: Array
    share: Array
    centre: Array
    fold: Indices
    threads: int

    @classmethod
    def from_cells(
        cls, cells: StackingCells, fast_share: float | Array, threads: int
    ) -> _StackedRows:
        models = ModelMatches.from_matches(cells.matches)
        return cls(
            cells,
            models,
            fast_share,
            head_inputs(cells.raw_forecasts, cells.encoded, models.weights),
            np.maximum(encoder_share(cells.raw_forecasts.inputs), _LEAST_SHARE),
            np.nanmean(cells.values, axis=1),
            _folds(cells.prompt),
            threads,
        )

    def base(self, blend: Array) -> Array:
        """The blended location of each cell (n, log tokens)."""
        cells = self.cells
        return blended(blend, self.fast_share, cells.raw_forecasts, cells.encoded, self.models)

    def fit_location(self, keep: Flags) -> _FittedLocation:
        """Blend and booster of the cells marked in ``keep``."""
        blend = _fit_blend(self, keep)
        target = self.centre - self.base(blend)
        return _FittedLocation(blend, self.fit_trees(target, keep, _LOCATION_ROUNDS))

    def fit_trees(
        self,
        target: Array,
        keep: Flags,
        rounds: int,
        settings: dict[str, object] = _LOCATION,
    ) -> lgb.Booster:
        """The booster whose output times ``share`` is the ``target`` (n, log tokens)."""
        weight = self.cells.weight * self.share**2
        return self.boost(target / self.share, keep, settings, rounds, weight)

    def boost(
        self,
        target: Array,
        keep: Flags,
        settings: dict[str, object],
        rounds: int,
        weight: Array,
    ) -> lgb.Booster:
        """A booster of ``target`` (n) on the cells marked in ``keep``."""
        settings = settings | {"num_threads": self.threads}
        data = lgb.Dataset(self.inputs[keep], target[keep], weight=weight[keep], params=settings)
        return lgb.train(settings, data, rounds)


def _folds(prompt: Indices) -> Indices:
    """A random fold for each cell; the cells of a prompt share a fold."""
    _, number = np.unique(prompt, return_inverse=True)
    rng = np.random.default_rng(0)
    return np.asarray(rng.permutation(int(number.max()) + 1)[number] % FOLDS, dtype=np.intp)


def _fit_blend(rows: _StackedRows, keep: Flags) -> Array:
    """Ridge regression, by route, of mean log lengths on both tiers' locations (routes x 3)."""
    cells = rows.cells
    columns = cells.encoded[:, : rows.models.weights.shape[1]]
    difference = own_column(columns, rows.models.weights) - cells.raw_forecasts.location
    blend = np.tile([1.0, 0.0, 0.0], (len(ROUTES), 1))
    for route in range(len(ROUTES)):
        chosen = keep & (rows.models.routes == route)
        inputs = np.column_stack([difference[chosen], np.ones(chosen.sum())])
        weighted = inputs * cells.weight[chosen, None]
        target = rows.centre[chosen] - cells.raw_forecasts.location[chosen]
        gram = inputs.T @ weighted + _RIDGE * np.eye(2)
        share, level = np.linalg.solve(gram, weighted.T @ target)
        blend[route] = 1 - share, share, level
    return blend


def _fit_scale(rows: _StackedRows, location: Array) -> tuple[lgb.Booster, Array]:
    """The booster of the log scale minus the fast tier's, and its out-of-fold output (n)."""
    cells = rows.cells
    residual = np.nanmean(np.abs(cells.values - location[:, None]), axis=1)
    target = np.log(residual + _LEAST_RESIDUAL) - np.log(cells.raw_forecasts.scale)
    change = np.empty(len(location))
    for part in range(FOLDS):
        out = rows.fold == part
        booster = rows.boost(target, ~out, _SCALE, _SCALE_ROUNDS, cells.weight)
        change[out] = np.asarray(booster.predict(rows.inputs[out]), dtype=np.float64)
    everything = np.ones(len(location), dtype=bool)
    return rows.boost(target, everything, _SCALE, _SCALE_ROUNDS, cells.weight), change
