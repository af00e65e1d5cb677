"""Continuing an artefact's boosters on served traffic, and its shapes."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.fast.inputs import GENERIC, KNOWN, LIMIT, OFFSET, OWN, ROUTE, TEXT_ALL, location_base
from predictor.online.censoring import imputed, kaplan_meier
from predictor.online.parts import Parts
from predictor.online.traffic import Traffic
from predictor.raw_forecast import LEVELS
from predictor.training.boosters import LOCATION_SETTINGS, SCALE_SETTINGS
from predictor.training.calibrate import residual_quantiles

LEARNING_RATE = 0.03
ROUNDS, SCALE_ROUNDS = 120, 60
"""Trees added to location and scale, at most: they cost latency on every prediction."""

RECORDS_A_ROUND = 50
"""Records that buy a tree of location; one of scale costs twice as many."""

_FOLDS = 4
_HIDDEN_SHARE, _HIDDEN_WEIGHT = 0.3, 0.3  # rows shown again without their model
_LEAST_RESIDUAL = 0.02
_SHAPE_PRIOR = 300.0  # records that the shape from before is worth


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the boosters are fitted to: inputs, base, target in log tokens, weight, fold."""

    inputs: Array
    base: Array
    target: Array
    weight: Array
    fold: Indices


def continued(start: Parts, traffic: Traffic) -> Parts:
    """``start`` with its boosters continued on ``traffic`` and its shapes recalibrated.

    Few records buy few trees. Residuals for scale and shapes are out of fold, prompts whole.
    """
    usable = traffic.where(_usable(traffic))
    fold = np.random.default_rng(0).integers(_FOLDS, size=usable.prompt.max(initial=0) + 1)
    said = start.raw_forecasts(usable)
    location = said.location
    for _ in range(2 if usable.censored.any() else 1):
        target = imputed(np.log(usable.tokens), usable.censored, location, said.scale, said.shape)
        rows = _rows(start, usable, target, fold[usable.prompt])
        location = _out_of_fold(start.location, rows, len(usable))
    whole = _continue(
        start.location, LOCATION_SETTINGS, rows, rows.target - rows.base, _rounds(usable)
    )
    scaled, scale = _scale(start, usable, rows, location)
    shapes = _shapes(start, usable, location, scaled)
    return Parts.of(
        start.manifest,
        {**start.arrays, "shapes": shapes},
        {**start.boosters, "location": whole.model_to_string(), "scale": scale.model_to_string()},
        start.files,
    )


def recalibrated(start: Parts, traffic: Traffic) -> Parts:
    """``start`` with the shapes of the models that it learned from traffic fitted to it."""
    usable = traffic.where(_usable(traffic))
    said = start.raw_forecasts(usable)
    shapes = _shapes(start, usable, said.location, said.scale)
    own = [at for at, name in enumerate(start.models.names) if name not in start.learned]
    shapes[own] = start.arrays["shapes"][own]
    return Parts.of(start.manifest, {**start.arrays, "shapes": shapes}, start.boosters, start.files)


def _usable(traffic: Traffic) -> Flags:
    """Answers without end are counted, not fitted."""
    return np.asarray(traffic.ended | traffic.censored)


def _rounds(traffic: Traffic) -> int:
    return int(min(ROUNDS, len(traffic) // RECORDS_A_ROUND + 1))


def _rows(start: Parts, traffic: Traffic, target: Array, fold: Indices) -> _Rows:
    """The requests as they are, first, then some again as those of a model not known."""
    inputs, base = start.see(traffic)
    again = np.flatnonzero(np.random.default_rng(1).random(len(traffic)) < _HIDDEN_SHARE)
    hidden = inputs[again]
    hidden[:, OFFSET] = hidden[:, OWN] = np.nan
    hidden[:, ROUTE] = GENERIC
    return _Rows(
        np.concatenate([inputs, hidden]),
        np.concatenate([base, location_base(0.0, hidden[:, TEXT_ALL], hidden[:, LIMIT])]),
        np.concatenate([target, target[again]]),
        np.concatenate([np.ones(len(traffic)), np.full(len(again), _HIDDEN_WEIGHT)]),
        np.concatenate([fold, fold[again]]),
    )


def _continue(
    booster: lgb.Booster, settings: dict[str, object], rows: _Rows, target: Array, rounds: int
) -> lgb.Booster:
    settings = settings | {"learning_rate": LEARNING_RATE, "num_threads": 1, "seed": 0}
    data = lgb.Dataset(rows.inputs, target, weight=rows.weight, params=settings)
    more: lgb.Booster = lgb.train(settings, data, rounds, init_model=booster)
    return more


def _out_of_fold(booster: lgb.Booster, rows: _Rows, count: int) -> Array:
    """Locations of the first ``count`` rows by boosters continued without their fold."""
    located = np.empty(count)
    for part in range(_FOLDS):
        held = np.flatnonzero(rows.fold[:count] == part)
        inside = _where(rows, rows.fold != part)
        rounds = int(min(ROUNDS, count // RECORDS_A_ROUND + 1))
        more = (
            _continue(booster, LOCATION_SETTINGS, inside, inside.target - inside.base, rounds)
            if len(inside.target)
            else booster
        )
        if len(held):
            found = np.asarray(more.predict(rows.inputs[held], num_threads=1))
            located[held] = rows.base[held] + found
    return located


def _where(rows: _Rows, keep: Flags) -> _Rows:
    return _Rows(
        rows.inputs[keep], rows.base[keep], rows.target[keep], rows.weight[keep], rows.fold[keep]
    )


def _scale(
    start: Parts, traffic: Traffic, rows: _Rows, location: Array
) -> tuple[Array, lgb.Booster]:
    """Out-of-fold scales of all requests, and the booster continued on all that ended."""
    count = len(traffic)
    plain = _where(rows, np.arange(len(rows.target)) < count)
    size = np.log(np.abs(plain.target - location) + _LEAST_RESIDUAL)
    rounds = int(min(SCALE_ROUNDS, count // (2 * RECORDS_A_ROUND) + 1))
    ended = traffic.ended
    scaled = np.empty(count)
    for part in range(_FOLDS):
        inside, held = ended & (plain.fold != part), plain.fold == part
        more = _continue(start.scale, SCALE_SETTINGS, _where(plain, inside), size[inside], rounds)
        if held.any():
            scaled[held] = np.exp(np.asarray(more.predict(plain.inputs[held], num_threads=1)))
    return scaled, _continue(start.scale, SCALE_SETTINGS, _where(plain, ended), size[ended], rounds)


def _shapes(start: Parts, traffic: Traffic, location: Array, scale: Array) -> Array:
    """Shapes of the known models, drawn towards the quantiles of the new residuals."""
    shapes = np.array(start.arrays["shapes"])
    residuals = (np.log(traffic.tokens) - location) / scale
    for at, name in enumerate(traffic.names):
        match = start.models.match(name)
        rows = traffic.model == at
        if match.route != KNOWN or not np.any(rows & traffic.ended):
            continue
        group = int(match.weights.argmax())
        found = _quantiles(residuals[rows], traffic.censored[rows], shapes[group])
        share = rows.sum() / (rows.sum() + _SHAPE_PRIOR)
        shapes[group] = share * found + (1 - share) * shapes[group]
    return shapes


def _quantiles(residuals: Array, censored: Flags, before: Array) -> Array:
    """Quantiles at LEVELS; above what the cuts let one see, as far from there as before."""
    mass, left = kaplan_meier(residuals, censored)
    seen = mass > 0
    found = residual_quantiles(residuals[seen], mass[seen], len(residuals))
    visible = int(np.sum(1 - left >= LEVELS))
    if not visible:
        return before
    if left > 1e-9:
        found = np.interp(np.minimum(1.0, LEVELS / (1 - left)), LEVELS, found)
        found[visible:] = found[visible - 1] + before[visible:] - before[visible - 1]
    return np.asarray(np.maximum.accumulate(found))
