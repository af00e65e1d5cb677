"""Cross-fitting: residuals on prompts, and models, that a fit has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Indices
from predictor.training.boosters import CellInputs, Rows, fit_location, fit_scale, predict
from predictor.training.interval_calibration import residual_quantiles
from predictor.training.progress import log

FOLDS = 5

_NONE_HIDDEN = np.zeros(0, np.intp)


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """The fast tier's out-of-fold forecasts of n rows.

    ``cell`` (n) indexes ``Cells``; ``location`` and ``scale`` (n) are in log tokens; ``inputs``
    (n x columns) are the boosters' inputs. ``fold`` (n, 0..FOLDS-1) is the fold left out of the
    fit: the fold's prompts, and for the routes related and generic also the fold's models.
    """

    cell: Indices
    location: Array
    scale: Array
    inputs: Array
    fold: Indices


@dataclass(frozen=True, slots=True)
class FittedHead:
    """The boosters fitted on all cells, and the ``shapes`` (``TrainedModels.group`` x levels).

    ``out_of_fold`` are the forecasts that the shapes and the refined tier's head are fitted on.
    """

    location: lgb.Booster
    scale: lgb.Booster
    shapes: Array
    out_of_fold: OutOfFold


@dataclass(frozen=True, slots=True)
class _LocatedRows:
    """Rows with their out-of-fold ``location`` (n, log tokens) and their ``fold`` (n)."""

    rows: Rows
    location: Array
    fold: Indices


def fit_head(inputs: CellInputs, fold: Indices, *, threads: int) -> FittedHead:
    """Fit location and scale on all cells, and the shapes on out-of-fold residuals.

    ``fold`` (P) is each prompt's fold. Forecasts for unseen models are measured on hidden models:
    the fit of fold k leaves out every FOLDS-th model as well.
    """
    cells = np.arange(len(inputs.cells))
    parts = []
    for part in range(FOLDS):
        inside = fold[inputs.cells.prompt] != part
        parts.extend(_fit_fold(inputs, cells[inside], cells[~inside], part, threads))
        log.info("cross-fit %d of %d", part + 1, FOLDS)
    located = _LocatedRows(
        Rows.concatenate([part.rows for part in parts]),
        np.concatenate([part.location for part in parts]),
        np.concatenate([part.fold for part in parts]),
    )
    scale = _out_of_fold_scale(inputs, located, threads)
    rows, rng = located.rows, np.random.default_rng(0)
    return FittedHead(
        fit_location(inputs.training_rows(cells, _NONE_HIDDEN, rng), inputs.cells, threads=threads),
        fit_scale(rows, inputs.cells, located.location, threads=threads),
        _shapes(inputs, located, scale),
        OutOfFold(rows.cell, located.location, scale, rows.inputs, located.fold),
    )


def _fit_fold(
    inputs: CellInputs, inside: Indices, outside: Indices, part: int, threads: int
) -> list[_LocatedRows]:
    """Fit on the cells ``inside`` and locate the cells ``outside``, once for each route."""
    models, rng = inputs.models, np.random.default_rng(part)
    indices = np.arange(len(models.names))
    hidden = indices[indices % FOLDS == part]

    def fit(cells: Indices, hidden_models: Indices) -> lgb.Booster:
        rows = inputs.training_rows(cells, hidden_models, rng)
        return fit_location(rows, inputs.cells, threads=threads)

    def locate(booster: lgb.Booster, rows: Rows) -> _LocatedRows:
        location = rows.base + predict(booster, rows, threads=threads)
        return _LocatedRows(rows, location, np.full(len(rows.cell), part, dtype=np.intp))

    known = inputs.rows(outside, [models.match(name) for name in models.names])
    located = [locate(fit(inside, _NONE_HIDDEN), known)]
    seen = inside[~np.isin(inputs.cells.model[inside], hidden)]
    unseen = outside[np.isin(inputs.cells.model[outside], hidden)]
    if len(seen) and len(unseen):
        booster = fit(seen, hidden)
        related = [models.match_unseen(index, hidden.tolist()) for index in indices.tolist()]
        generic = [models.generic()] * len(indices)
        located += [locate(booster, inputs.rows(unseen, matches)) for matches in (related, generic)]
    return located


def _out_of_fold_scale(inputs: CellInputs, located: _LocatedRows, threads: int) -> Array:
    """The scale of each row (n, log tokens) by boosters fitted on the other folds' rows."""
    scale = np.empty(len(located.location))
    for part in np.unique(located.fold):
        inside = located.fold != part
        booster = fit_scale(
            located.rows.where(inside), inputs.cells, located.location[inside], threads=threads
        )
        outside = located.rows.where(~inside)
        scale[~inside] = np.exp(predict(booster, outside, threads=threads))
    return scale


def _shapes(inputs: CellInputs, located: _LocatedRows, scale: Array) -> Array:
    """Quantiles of standardised residuals: one shape per known model, then related, then generic.

    A group without rows gets the quantiles of all rows.
    """
    cells, cell = inputs.cells, located.rows.cell
    values = cells.values[cell]
    residuals = (values - located.location[:, None]) / scale[:, None]
    weights = np.where(np.isnan(values), 0.0, cells.share[cell][:, None])
    route = located.rows.inputs[:, -1].astype(np.intp)
    group = inputs.models.group(route, cells.model[cell])
    shapes = []
    for index in range(len(inputs.models.names) + 2):
        rows = group == index if np.any(group == index) else np.ones(len(group), dtype=bool)
        counted = weights[rows] > 0
        prompts = len(np.unique(cells.prompt[cell][rows]))
        shapes.append(residual_quantiles(residuals[rows][counted], weights[rows][counted], prompts))
    return np.array(shapes)
