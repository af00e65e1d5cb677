"""Continuation of an artefact's boosters on served traffic, and recalibration of its shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.fast.formulas import correction_share, location_base, scales
from predictor.fast.inputs import GENERIC, OFFSET, OWN, ROUTE
from predictor.fast.learned_words import STORED
from predictor.fast.trees import boosted
from predictor.refit.censoring import impute_from_forecast
from predictor.refit.editable import EditableArtefact
from predictor.refit.shapes import recalibrated_shapes
from predictor.refit.traffic import LoggedTraffic
from predictor.refit.words import FittedWords, learn_words
from predictor.training.boosters import LOCATION_SETTINGS, SCALE_SETTINGS

REFIT_SETTINGS = {"alpha": 1.0, "feature_fraction": 1.0, "learning_rate": 0.1, "num_threads": 1}
"""Settings of the added trees where they differ from those of the training. The few added trees
have to be able to move a forecast by a factor of five, where one column tells two modes apart."""

ROUNDS, SCALE_ROUNDS = 120, 60
"""Largest number of trees added to location and to scale; each tree adds latency to a forecast."""

RECORDS_PER_ROUND = 50
"""Records for each added tree of the location; a tree of the scale needs twice as many."""

_FOLDS = 4
_HIDDEN_SHARE, _HIDDEN_WEIGHT = 0.3, 0.3  # share and weight of repeated rows of a hidden model
_LEAST_RESIDUAL = 0.02  # log tokens


@dataclass(frozen=True, slots=True)
class _Rows:
    """Training rows: inputs, target in log tokens, weight, fold."""

    inputs: Array
    target: Array
    weight: Array
    fold: Indices

    def locate(self, booster: lgb.Booster) -> Array:
        """The location of each row (n, log tokens)."""
        return location_base(self.inputs) + correction_share(self.inputs) * boosted(
            booster, self.inputs
        )

    def where(self, keep: Flags | Indices) -> _Rows:
        return _Rows(
            self.inputs[keep],
            self.target[keep],
            self.weight[keep],
            self.fold[keep],
        )


@dataclass(frozen=True, slots=True)
class Continued:
    """``start`` with a ``booster`` of the location that was continued on ``traffic``.

    ``rows`` are the training rows, those of the n requests first; ``location`` (n, log tokens) is
    out of fold.
    """

    start: EditableArtefact
    traffic: LoggedTraffic
    rows: _Rows
    location: Array
    booster: lgb.Booster

    @property
    def words(self) -> FittedWords | None:
        """The words that tell what the continued location has left; None: none do."""
        count = len(self.traffic)
        left = self.rows.target[:count] - self.location
        idf = self.start.arrays["text_word_idf"].astype(np.float32)
        return learn_words(self.traffic, self.rows.inputs[:count], left, idf)

    def artefact(self, fitted: FittedWords | None = None) -> EditableArtefact:
        """The artefact with the scale continued as well, shapes recalibrated and words added."""
        start, words = self.start, {}
        location = self.location if fitted is None else self.location + fitted.effects
        scale, scale_booster = _fit_scale(start, self.traffic, self.rows, location)
        texts = {
            "location": self.booster.model_to_string(),
            "scale": scale_booster.model_to_string(),
        }
        if fitted is not None:
            words = {STORED: fitted.words.weights.astype(np.float16)}
        shapes = {"shapes": recalibrated_shapes(start, self.traffic, location, scale)}
        return EditableArtefact.build(
            start.manifest,
            {**start.arrays, **shapes, **words},
            {**start.boosters, **texts},
            start.files,
        )


def continue_boosters(start: EditableArtefact, traffic: LoggedTraffic) -> EditableArtefact:
    """``start``, which has no learned words, with its boosters continued on ``traffic``."""
    return continue_location(start, traffic).artefact()


def continue_location(start: EditableArtefact, traffic: LoggedTraffic) -> Continued:
    """``start``, which has no learned words, with its location continued on ``traffic``.

    The number of added trees grows with the records. Residuals for scale and shapes are out of
    fold; requests with the same prompt share a fold.
    """
    usable = traffic.where(~traffic.endless)
    fold = np.random.default_rng(0).integers(_FOLDS, size=usable.prompt.max(initial=0) + 1)
    forecasts = start.raw_forecasts(usable)
    location, logs = forecasts.location, np.log(usable.tokens)
    for _ in range(2 if usable.censored.any() else 1):
        target = impute_from_forecast(
            logs, usable.censored, location, forecasts.scale, forecasts.shape
        )
        rows = _rows(start, usable, target, fold[usable.prompt])
        location = _out_of_fold_location(start.location, rows, len(usable))
    booster = _continue_location(start.location, rows, _rounds(len(usable)))
    return Continued(start, usable, rows, location, booster)


def recalibrate_learned(start: EditableArtefact, traffic: LoggedTraffic) -> EditableArtefact:
    """``start`` with the shapes of its learned models fitted to ``traffic``."""
    usable = traffic.where(~traffic.endless)
    forecasts = start.raw_forecasts(usable)
    shapes = recalibrated_shapes(start, usable, forecasts.location, forecasts.scale)
    offline = [index for index, name in enumerate(start.models.names) if name not in start.learned]
    shapes[offline] = start.arrays["shapes"][offline]
    arrays = {**start.arrays, "shapes": shapes}
    return EditableArtefact.build(start.manifest, arrays, start.boosters, start.files)


def _rounds(records: int) -> int:
    return min(ROUNDS, records // RECORDS_PER_ROUND + 1)


def _rows(start: EditableArtefact, traffic: LoggedTraffic, target: Array, fold: Indices) -> _Rows:
    """A row for each request, then some requests again with the model's identity hidden."""
    inputs = start.booster_inputs(traffic)
    repeated = np.flatnonzero(np.random.default_rng(1).random(len(traffic)) < _HIDDEN_SHARE)
    hidden = inputs[repeated]
    hidden[:, OFFSET] = hidden[:, OWN] = np.nan
    hidden[:, ROUTE] = GENERIC
    return _Rows(
        np.concatenate([inputs, hidden]),
        np.concatenate([target, target[repeated]]),
        np.concatenate([np.ones(len(traffic)), np.full(len(repeated), _HIDDEN_WEIGHT)]),
        np.concatenate([fold, fold[repeated]]),
    )


def _continue_location(booster: lgb.Booster, rows: _Rows, rounds: int) -> lgb.Booster:
    """``booster`` continued on what it leaves of the rows' targets."""
    share = correction_share(rows.inputs)
    target = (rows.target - location_base(rows.inputs)) / share
    weighted = replace(rows, weight=rows.weight * share**2)
    return _continue(booster, LOCATION_SETTINGS, weighted, target, rounds)


def _continue(
    booster: lgb.Booster, settings: dict[str, object], rows: _Rows, target: Array, rounds: int
) -> lgb.Booster:
    settings = settings | REFIT_SETTINGS | {"seed": 0}
    data = lgb.Dataset(rows.inputs, target, weight=rows.weight, params=settings)
    continued: lgb.Booster = lgb.train(settings, data, rounds, init_model=booster)
    return continued


def _out_of_fold_location(booster: lgb.Booster, rows: _Rows, count: int) -> Array:
    """Locations of the first ``count`` rows by boosters continued on the other folds."""
    location = np.empty(count)
    for part in range(_FOLDS):
        outside = np.flatnonzero(rows.fold[:count] == part)
        inside = rows.where(rows.fold != part)
        continued = booster
        if len(inside.target):
            continued = _continue_location(booster, inside, _rounds(count))
        if len(outside):
            location[outside] = rows.where(outside).locate(continued)
    return location


def _fit_scale(
    start: EditableArtefact, traffic: LoggedTraffic, rows: _Rows, location: Array
) -> tuple[Array, lgb.Booster]:
    """Out-of-fold scales of all requests (n), and the booster continued on all ended answers."""
    count = len(traffic)
    plain = rows.where(np.arange(len(rows.target)) < count)
    size = np.log(np.abs(plain.target - location) + _LEAST_RESIDUAL)
    rounds = int(min(SCALE_ROUNDS, count // (2 * RECORDS_PER_ROUND) + 1))
    ended = traffic.ended

    def fit(keep: Flags) -> lgb.Booster:
        return _continue(start.scale, SCALE_SETTINGS, plain.where(keep), size[keep], rounds)

    scale = np.empty(count)
    for part in range(_FOLDS):
        outside = plain.fold == part
        booster = fit(ended & ~outside)
        if outside.any():
            inputs = plain.inputs[outside]
            scale[outside] = scales(inputs, boosted(booster, inputs))
    return scale, fit(ended)
