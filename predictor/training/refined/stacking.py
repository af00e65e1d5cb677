"""Fitting the refined tier's head on prompts that neither tier was fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Flags, Indices, Single
from predictor.fast.inputs import ROUTES, ModelMatch, TrainedModels
from predictor.raw_forecast import RawForecasts
from predictor.refined.head import RefinedHead, blended, head_inputs, own_column, shrunk_scale
from predictor.training.refined.calibrate import by_scale

FOLDS = 5

TRUST = 0.8
"""Of a scale's departure from the usual, in logarithms, how much is believed.

The mean of a forecast grows with the scale, and would take over all of its noise; on a hold-out the
last fifth of trust adds nothing to CRPS and costs the mean's tau 0.001.
"""

# Few and shallow trees: the rows are few, and both tiers have read the text already.
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
_SCALE = _COMMON | {"objective": "regression", "num_leaves": 6, "min_data_in_leaf": 150}
_LOCATION_ROUNDS, _SCALE_ROUNDS = 150, 100

_RIDGE = 1.0  # draws the blend of a route with few rows towards the fast tier alone
_LEAST_RESIDUAL = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """n (prompt, model) cells with both tiers' out-of-sample forecasts and the measured lengths.

    ``raw_forecasts`` (n; ``shape`` is not read), ``encoded`` (n x D), ``matches`` (n), the index of
    each cell's ``prompt`` and ``model``, ``values`` (n x m log tokens, NaN padded); ``weight``
    counts in the fit, ``share`` in the calibration.
    """

    raw_forecasts: RawForecasts
    encoded: Single
    matches: list[ModelMatch]
    prompt: Indices
    model: Indices
    values: Array
    weight: Array
    share: Array


@dataclass(frozen=True, slots=True)
class _Fit:
    blend: Array
    location: lgb.Booster


def fit_refined(sample: Sample, models: TrainedModels, *, threads: int = 1) -> RefinedHead:
    """Fit blend, location and scale on all of ``sample``, the shapes by cross-fitting in it."""
    frame = _Frame.of(sample, threads)
    located = np.empty(len(frame.rows))
    for part in range(FOLDS):
        fitted, out = frame.fit(frame.fold != part), frame.fold == part
        change = np.asarray(fitted.location.predict(frame.rows[out]), dtype=np.float64)
        located[out] = frame.base(fitted.blend)[out] + change
    scale, change = _scale(frame, located)
    level = float(np.mean(np.log(sample.raw_forecasts.scale) + change))
    scaled = shrunk_scale(sample.raw_forecasts.scale, change, level, TRUST)
    knots, shapes = by_scale(
        (sample.values - located[:, None]) / scaled[:, None],
        np.where(np.isnan(sample.values), 0.0, sample.share[:, None]),
        scaled,
        sample.prompt,
        models.group(frame.routes, sample.model),
        groups=len(models.names) + 2,
    )
    whole = frame.fit(np.ones(len(frame.rows), dtype=bool))
    return RefinedHead(whole.location, scale, whole.blend, level, TRUST, 0.0, knots, shapes, models)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A sample with what the boosters see of it, and a fold for each cell."""

    sample: Sample
    weights: Array
    routes: Indices
    rows: Array
    centre: Array
    fold: Indices
    threads: int

    @classmethod
    def of(cls, sample: Sample, threads: int) -> _Frame:
        weights = np.array([match.weights for match in sample.matches])
        return cls(
            sample,
            weights,
            np.array([match.route for match in sample.matches], dtype=np.intp),
            head_inputs(sample.raw_forecasts, sample.encoded, weights),
            np.nanmean(sample.values, axis=1),
            _folds(sample.prompt),
            threads,
        )

    def base(self, blend: Array) -> Array:
        sample = self.sample
        return blended(blend, sample.raw_forecasts, sample.encoded, self.weights, self.routes)

    def fit(self, keep: Flags) -> _Fit:
        """Blend and booster of the cells marked in ``keep``."""
        blend = _blend(self, keep)
        left = self.centre - self.base(blend)
        return _Fit(blend, self.boost(left, keep, _LOCATION, _LOCATION_ROUNDS))

    def boost(
        self, target: Array, keep: Flags, settings: dict[str, object], rounds: int
    ) -> lgb.Booster:
        settings = settings | {"num_threads": self.threads}
        weight = self.sample.weight[keep]
        data = lgb.Dataset(self.rows[keep], target[keep], weight=weight, params=settings)
        return lgb.train(settings, data, rounds)


def _folds(prompt: Indices) -> Indices:
    """A fold for each cell; a prompt's cells stay together."""
    _, number = np.unique(prompt, return_inverse=True)
    rng = np.random.default_rng(0)
    return np.asarray(rng.permutation(int(number.max()) + 1)[number] % FOLDS, dtype=np.intp)


def _blend(frame: _Frame, keep: Flags) -> Array:
    """Ridge regression of each route's mean log lengths on both tiers' locations."""
    sample = frame.sample
    columns = np.asarray(sample.encoded, dtype=np.float64)[:, : frame.weights.shape[1]]
    own = own_column(columns, frame.weights) - sample.raw_forecasts.location
    out = np.tile([1.0, 0.0, 0.0], (len(ROUTES), 1))
    for route in range(len(ROUTES)):
        rows = keep & (frame.routes == route)
        inputs = np.column_stack([own[rows], np.ones(rows.sum())])
        weighed = inputs * sample.weight[rows, None]
        target = frame.centre[rows] - sample.raw_forecasts.location[rows]
        gram = inputs.T @ weighed + _RIDGE * np.eye(2)
        share, level = np.linalg.solve(gram, weighed.T @ target)
        out[route] = 1 - share, share, level
    return out


def _scale(frame: _Frame, located: Array) -> tuple[lgb.Booster, Array]:
    """The booster of the log scale's change, and its cross-fitted answers (n)."""
    sample = frame.sample
    size = np.nanmean(np.abs(sample.values - located[:, None]), axis=1)
    target = np.log(size + _LEAST_RESIDUAL) - np.log(sample.raw_forecasts.scale)
    change = np.empty(len(located))
    for part in range(FOLDS):
        out = frame.fold == part
        booster = frame.boost(target, ~out, _SCALE, _SCALE_ROUNDS)
        change[out] = np.asarray(booster.predict(frame.rows[out]), dtype=np.float64)
    everything = np.ones(len(located), dtype=bool)
    return frame.boost(target, everything, _SCALE, _SCALE_ROUNDS), change
