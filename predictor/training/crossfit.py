"""Cross-fitting: how far forecasts are off on prompts, and models, that they were not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from predictor.arrays import Array, Indices
from predictor.training.boosters import Rows, Table, fit_location, fit_scale, run
from predictor.training.calibrate import shape

FOLDS = 5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """The fast tier's forecasts of n rows by models that had not seen their prompts.

    ``cell`` (n) of ``Cells``, ``location`` and ``scale`` (n), the boosters' ``inputs`` (n x
    columns) and the ``fold`` (n, 0..crossfit.FOLDS-1) whose prompts and models were left out.
    """

    cell: Indices
    location: Array
    scale: Array
    inputs: Array
    fold: Indices


@dataclass(frozen=True, slots=True)
class Head:
    """The fitted boosters, and the shapes of residuals (``TrainedModels.group`` x levels).

    ``judged`` is what was measured out of fold on the way: a refined tier is fitted on it.
    """

    location: lgb.Booster
    scale: lgb.Booster
    shapes: Array
    judged: OutOfFold


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows with their out-of-fold locations in log tokens, and the fold of each."""

    rows: Rows
    located: Array
    fold: Indices


def fit_head(table: Table, fold: Indices, *, threads: int, say: Say) -> Head:
    """Fit location and scale on all cells and the shapes on out-of-fold residuals.

    ``fold`` (P) tells each prompt's fold. Unseen models are judged by models hidden from the fit
    as well: in fold k every FOLDS-th of them.
    """
    cells = np.arange(len(table.cells))
    judged = []
    for part in range(FOLDS):
        outside = fold[table.cells.prompt] != part
        judged.extend(_judge(table, cells[outside], cells[~outside], part, threads))
        say(f"cross-fit {part + 1} of {FOLDS}")
    merged = _Judged(
        _merge([part.rows for part in judged]),
        np.concatenate([part.located for part in judged]),
        np.concatenate([part.fold for part in judged]),
    )
    scaled = _out_of_fold_scale(table, merged, threads)
    rng = np.random.default_rng(0)
    location = fit_location(
        table.training_rows(cells, np.zeros(0, np.intp), rng), table.cells, threads=threads
    )
    scale = fit_scale(merged.rows, table.cells, merged.located, threads=threads)
    judged_rows = merged.rows
    out_of_fold = OutOfFold(
        judged_rows.cell, merged.located, scaled, judged_rows.inputs, merged.fold
    )
    return Head(location, scale, _shapes(table, merged, scaled), out_of_fold)


def _judge(
    table: Table, inside: Indices, outside: Indices, part: int, threads: int
) -> list[_Judged]:
    """Out-of-fold locations of the cells ``outside`` by each route."""
    models = len(table.models.names)
    rng = np.random.default_rng(part)
    hidden = np.arange(models)[np.arange(models) % FOLDS == part]
    names = table.models.names
    booster = fit_location(
        table.training_rows(inside, np.zeros(0, np.intp), rng), table.cells, threads=threads
    )
    seen = table.rows(outside, [table.models.match(name) for name in names])
    found = [_Judged(seen, seen.base + run(booster, seen, threads=threads), _full(seen, part))]
    open_ = inside[~np.isin(table.cells.model[inside], hidden)]
    shut = outside[np.isin(table.cells.model[outside], hidden)]
    if not len(open_) or not len(shut):
        return found
    booster = fit_location(table.training_rows(open_, hidden, rng), table.cells, threads=threads)
    related = [table.models.match_unseen(at, hidden.tolist()) for at in range(models)]
    for matches in (related, [table.models.generic()] * models):
        rows = table.rows(shut, matches)
        located = rows.base + run(booster, rows, threads=threads)
        found.append(_Judged(rows, located, _full(rows, part)))
    return found


def _full(rows: Rows, part: int) -> Indices:
    return np.full(len(rows.cell), part, dtype=np.intp)


def _merge(parts: list[Rows]) -> Rows:
    return Rows(
        np.concatenate([part.cell for part in parts]),
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.base for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )


def _out_of_fold_scale(table: Table, judged: _Judged, threads: int) -> Array:
    """Scales of the judged rows by boosters that have not seen their prompts."""
    out = np.empty(len(judged.located))
    for part in np.unique(judged.fold):
        other = judged.fold != part
        booster = fit_scale(
            judged.rows.where(other), table.cells, judged.located[other], threads=threads
        )
        out[~other] = np.exp(run(booster, judged.rows.where(~other), threads=threads))
    return out


def _shapes(table: Table, judged: _Judged, scaled: Array) -> Array:
    """Quantiles of standardised residuals: of each model, of related ones, of generic ones.

    A group without any judged rows has the quantiles of all.
    """
    values = table.cells.values[judged.rows.cell]
    residuals = (values - judged.located[:, None]) / scaled[:, None]
    share = table.cells.share[judged.rows.cell]
    weights = np.where(np.isnan(values), 0.0, share[:, None])
    prompt, model = table.cells.prompt[judged.rows.cell], table.cells.model[judged.rows.cell]
    group = table.models.group(judged.rows.inputs[:, -1].astype(np.intp), model)
    out = []
    for at in range(len(table.models.names) + 2):
        rows = group == at if np.any(group == at) else np.ones(len(group), dtype=bool)
        counted = weights[rows] > 0
        prompts = len(np.unique(prompt[rows]))
        out.append(shape(residuals[rows][counted], weights[rows][counted], prompts))
    return np.array(out)
