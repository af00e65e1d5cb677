"""Cross-fitting: residuals on prompts, and models, that a fit has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Flags, Indices
from predictor.fast.formulas import scales
from predictor.fast.inputs import ModelMatch
from predictor.training.boosters import CellInputs, Rows, fit_location, fit_scale, locate, predict
from predictor.training.interval_calibration import residual_quantiles
from predictor.training.model_choice import families_of
from predictor.training.progress import log

FOLDS = 5

_NONE_HIDDEN = np.zeros(0, np.intp)
_NOVEL_WEIGHT = 0.5  # of a cell whose kind is left out, beside the same cell with its kind known


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

    def where(self, keep: Flags) -> _LocatedRows:
        """The rows marked in ``keep`` (n)."""
        return _LocatedRows(self.rows.where(keep), self.location[keep], self.fold[keep])


def fit_head(
    inputs: CellInputs,
    fold: Indices,
    apart: CellInputs,
    kind: Indices,
    *,
    threads: int,
    hasty: bool = False,
) -> FittedHead:
    """Fit location and scale on all cells, and the shapes on out-of-fold residuals.

    ``fold`` (P) is each prompt's fold. Forecasts for unseen models are measured on hidden models:
    further fits of fold k leave out every FOLDS-th model, and every FOLDS-th family. ``apart`` are
    the inputs by a text model that saw no prompt of the same ``kind`` (P): from forecasts of whole
    kinds left out the scale learns how much a novel prompt widens the forecast. ``hasty`` as in
    ``fit_location``, for all fits.
    """
    cells = np.arange(len(inputs.cells))
    parts = []
    for part in range(FOLDS):
        inside = fold[inputs.cells.prompt] != part
        parts.extend(
            _fit_fold(inputs, cells[inside], cells[~inside], part, threads=threads, hasty=hasty)
        )
        log.info("cross-fit %d of %d", part + 1, FOLDS)
    located = _joined(parts)
    novel = _kinds_left_out(apart, kind, threads)
    scale = _out_of_fold_scale(inputs, located, novel, threads)
    rows, rng = located.rows, np.random.default_rng(0)
    everything = _joined([located, *novel])
    final = inputs.training_rows(cells, _NONE_HIDDEN, rng)
    return FittedHead(
        fit_location(final, inputs.cells, threads=threads, hasty=hasty),
        fit_scale(everything.rows, inputs.cells, everything.location, threads=threads),
        _shapes(inputs, located, scale),
        OutOfFold(rows.cell, located.location, scale, rows.inputs, located.fold),
    )


def _fit_fold(
    inputs: CellInputs,
    inside: Indices,
    outside: Indices,
    part: int,
    *,
    threads: int,
    hasty: bool,
) -> list[_LocatedRows]:
    """Fit on the cells ``inside`` and locate the cells ``outside``, once for each route.

    Further fits hide models, whose cells they forecast as unseen: every FOLDS-th model as a related
    one, and whole families as generic ones.
    """
    rng, model = np.random.default_rng(part), inputs.cells.model

    def located(hidden: Indices, unseen: Indices, matches: list[ModelMatch]) -> _LocatedRows:
        seen = inside[~np.isin(model[inside], hidden)]
        rows = inputs.training_rows(seen, hidden, rng)
        booster = fit_location(rows, inputs.cells, threads=threads, hasty=hasty or len(hidden) > 0)
        rows = inputs.rows(unseen, matches)
        location = locate(booster, rows, threads=threads)
        return _LocatedRows(rows, location, np.full(len(rows.cell), part, dtype=np.intp))

    own = outside[model[outside] < len(inputs.models.names)]
    out = [located(_NONE_HIDDEN, own, inputs.matches())]
    every = np.arange(len(inputs.names))
    families = np.flatnonzero(families_of(inputs.names) % FOLDS == part)
    for hidden, matches in (
        (every[every % FOLDS == part], inputs.unseen),
        (families, lambda _: inputs.generic()),
    ):
        unseen = outside[np.isin(model[outside], hidden)]
        if len(unseen) and not np.isin(model[inside], hidden).all():
            out.append(located(hidden, unseen, matches(hidden)))
    return out


def _kinds_left_out(apart: CellInputs, kind: Indices, threads: int) -> list[_LocatedRows]:
    """For each kind, rows of its cells, located by a fit that saw nothing of the kind.

    Data of one kind gives none. The rows weigh ``_NOVEL_WEIGHT``. Their fold is -1: they are in no
    shape, and every fit of the scale may use them.
    """
    scored: Flags = np.asarray(~np.isnan(apart.scores).any(axis=1))
    cells, rng = np.flatnonzero(scored[apart.cells.prompt]), np.random.default_rng(0)
    of_cell = kind[apart.cells.prompt[cells]]
    parts = []
    for part in np.unique(of_cell):
        inside, outside = cells[of_cell != part], cells[of_cell == part]
        if not len(inside):
            continue
        known = apart.training_rows(inside, _NONE_HIDDEN, rng)
        booster = fit_location(known, apart.cells, threads=threads, hasty=True)
        rows = apart.rows(outside, apart.matches(), _NOVEL_WEIGHT)
        location = locate(booster, rows, threads=threads)
        parts.append(_LocatedRows(rows, location, np.full(len(outside), -1, dtype=np.intp)))
    log.info("%d kinds left out in turn", len(parts))
    return parts


def _joined(parts: Sequence[_LocatedRows]) -> _LocatedRows:
    return _LocatedRows(
        Rows.concatenate([part.rows for part in parts]),
        np.concatenate([part.location for part in parts]),
        np.concatenate([part.fold for part in parts]),
    )


def _out_of_fold_scale(
    inputs: CellInputs, located: _LocatedRows, novel: list[_LocatedRows], threads: int
) -> Array:
    """The scale of each row of ``located`` (n, log tokens) by fits on other folds and ``novel``."""
    scale = np.empty(len(located.location))
    for part in np.unique(located.fold):
        inside = located.fold != part
        fitted = _joined([located.where(inside), *novel])
        booster = fit_scale(fitted.rows, inputs.cells, fitted.location, threads=threads)
        outside = located.rows.where(~inside)
        scale[~inside] = scales(outside.inputs, predict(booster, outside, threads=threads))
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
    known = np.minimum(cells.model[cell], len(inputs.models.names) - 1)
    group = inputs.models.group(route, known)
    shapes = []
    for index in range(len(inputs.models.names) + 2):
        rows = group == index if np.any(group == index) else np.ones(len(group), dtype=bool)
        counted = weights[rows] > 0
        prompts = len(np.unique(cells.prompt[cell][rows]))
        shapes.append(residual_quantiles(residuals[rows][counted], weights[rows][counted], prompts))
    return np.array(shapes)
