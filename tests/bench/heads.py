"""The race of distribution heads: which head makes the best forecasts from the same inputs.

    python -m tests.bench.heads [--seed 0] [--write tests/bench/results/heads.md]

All heads get the same features and text scores of CASTILLO; 15 % of its ``validate`` prompts are
held out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
from scipy.stats import t as student

from predictor.arrays import Array, Indices
from predictor.data import castillo, splits
from predictor.data.records import Records
from predictor.evaluation import scores
from predictor.fast.formulas import scales
from predictor.raw_forecast import CAP_TOKENS, LEVELS, MASS
from predictor.training.boosters import LOCATION_SETTINGS, CellInputs, Rows, locate, predict
from predictor.training.cells import Cells, cells_of
from predictor.training.crossfit import FOLDS, fit_head
from tests.bench.holdouts import held_out
from tests.bench.text_fit import fit_text
from tests.castillo import needed_data

_QUANTILE_LEVELS = (0.025, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.975)
_BINS = 20
_LEARNING = {"learning_rate": 0.1, "num_leaves": 15, "num_threads": 1}
_ROUNDS = 200
_BIN_ROUNDS = 60
_T_FREEDOM = 4.0


@dataclass(frozen=True, slots=True)
class Task:
    """The ``training`` rows of ``inputs``, the ``test`` rows, and the held-out lengths.

    ``apart`` are the inputs as other kinds than the prompts' own see them, ``fold`` and ``kind``
    (P) partitions of the prompts. ``cells`` holds the held-out lengths, by which the forecasts of
    the test rows are scored.
    """

    inputs: CellInputs
    apart: CellInputs
    fold: Indices
    kind: Indices
    training: Rows
    test: Rows
    cells: Cells

    @property
    def model(self) -> Indices:
        """The model of each test row."""
        return self.cells.model[self.test.cell]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Atoms (n x m tokens, increasing) and their masses (m or n x m)."""

    atoms: Array
    mass: Array

    def quantile(self, level: float) -> Array:
        """The length up to which ``level`` of the mass lies, interpolated between the atoms."""
        mass = np.broadcast_to(self.mass, self.atoms.shape)
        middle = np.cumsum(mass, axis=1) - 0.5 * mass
        return np.array(
            [
                np.interp(level, middles, row)
                for middles, row in zip(middle, self.atoms, strict=True)
            ]
        )


def location_scale(task: Task) -> tuple[Forecast, Forecast]:
    """The head in use, and the same head with a Student t instead of the calibrated shapes."""
    head = fit_head(task.inputs, task.fold, task.apart, task.kind, threads=1)
    location = locate(head.location, task.test, threads=1)
    scale = scales(task.test.inputs, predict(head.scale, task.test, threads=1))
    shapes = head.shapes[task.model]
    width = np.mean((head.shapes[:, -5] - head.shapes[:, 5]) / 2)
    levels = student.ppf(LEVELS, _T_FREEDOM)
    log_t = levels * width / ((levels[-5] - levels[5]) / 2)
    return (
        _of_logs(location[:, None] + scale[:, None] * shapes, MASS),
        _of_logs(location[:, None] + scale[:, None] * log_t, MASS),
    )


def quantiles(task: Task) -> Forecast:
    """One booster per quantile level (pinball loss), rearranged to be monotone."""
    rows, target = _samples(task)
    boosters = [
        _boost(rows, target - rows.base, {"objective": "quantile", "alpha": level}, _ROUNDS)
        for level in _QUANTILE_LEVELS
    ]
    logs = [task.test.base + predict(booster, task.test, threads=1) for booster in boosters]
    levels = np.array(_QUANTILE_LEVELS)
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    return _of_logs(np.sort(logs, axis=0).T, np.diff(edges))


def bins(task: Task) -> Forecast:
    """A histogram of the log length around the base, with twenty classes of equal frequency."""
    rows, target = _samples(task)
    away = target - rows.base
    edges = np.quantile(away, np.arange(1, _BINS) / _BINS)
    label = np.searchsorted(edges, away)
    settings = {"objective": "multiclass", "num_class": _BINS, "num_leaves": 7}
    booster = _boost(rows, label.astype(np.float64), settings, _BIN_ROUNDS)
    mass = predict(booster, task.test, threads=1)
    centre = np.array([np.median(away[label == bin_]) for bin_ in range(_BINS)])
    return _of_logs(task.test.base[:, None] + centre, mass)


def hazard(task: Task) -> Forecast:
    """A discrete-time hazard: the probability that a length that reaches a bin ends there."""
    rows, target = _samples(task)
    away = target - rows.base
    edges = np.quantile(away, np.arange(1, _BINS) / _BINS)
    label = np.searchsorted(edges, away)
    reached = np.repeat(np.arange(len(label)), label + 1)
    step = np.arange(len(reached)) - np.repeat(np.cumsum(label + 1) - label - 1, label + 1)
    keep = np.random.default_rng(0).random(len(reached)) < 0.35
    reached, step = reached[keep], step[keep]
    inputs = np.column_stack([rows.inputs[reached], step])
    data = lgb.Dataset(inputs, label[reached] == step, weight=rows.weight[reached])
    booster = lgb.train(LOCATION_SETTINGS | _LEARNING | {"objective": "binary"}, data, _ROUNDS)
    count = len(task.test.cell)
    ends = np.column_stack(
        [
            np.asarray(booster.predict(np.column_stack([task.test.inputs, np.full(count, bin_)])))
            for bin_ in range(_BINS)
        ]
    )
    ends[:, -1] = 1.0
    alive = np.cumprod(np.column_stack([np.ones(len(ends)), 1 - ends[:, :-1]]), axis=1)
    centre = np.array([np.median(away[label == bin_]) for bin_ in range(_BINS)])
    return _of_logs(task.test.base[:, None] + centre, alive * ends)


def _samples(task: Task) -> tuple[Rows, Array]:
    """The training rows, each with one of its samples (log tokens)."""
    values = task.inputs.cells.values[task.training.cell]
    order = np.argsort(np.random.default_rng(0).random(values.shape) + np.isnan(values), axis=1)
    return task.training, values[np.arange(len(values)), order[:, 0]]


def _boost(rows: Rows, target: Array, settings: dict[str, object], rounds: int) -> lgb.Booster:
    data = lgb.Dataset(rows.inputs, target, weight=rows.weight)
    return lgb.train(LOCATION_SETTINGS | _LEARNING | settings, data, rounds)


def _of_logs(logs: Array, mass: Array) -> Forecast:
    return Forecast(np.exp(np.clip(logs, 0.0, np.log(CAP_TOKENS))), mass)


def prepare(records: Records, seed: int) -> Task:
    """The task of the hold-out with this seed."""
    out = held_out(records, seed)
    inside, outside = records.of_prompts(~out), records.of_prompts(out)
    cells, judged = cells_of(inside), cells_of(outside)
    made = fit_text(inside, cells)
    (learnt, apart), (held, _) = made.inputs(inside, cells), made.inputs(outside, judged)
    return Task(
        inputs=learnt,
        apart=apart,
        fold=splits.folds(inside, FOLDS),
        kind=np.unique(inside.corpus, return_inverse=True)[1],
        training=learnt.rows(np.arange(len(cells)), learnt.matches()),
        test=held.rows(np.arange(len(judged)), held.matches()),
        cells=judged,
    )


def pinball(predicted: Array, actual: Array, level: float) -> float:
    """Mean pinball (quantile) loss, in tokens, of forecasts of the ``level`` quantile."""
    error = actual - predicted
    return float(np.mean(np.maximum(level * error, (level - 1) * error)))


def score(task: Task, forecast: Forecast) -> dict[str, float]:
    """Scores of a forecast on the held-out samples, by column: the mean over the models."""
    actual = np.exp(task.cells.values[task.test.cell])
    mass = np.broadcast_to(forecast.mass, forecast.atoms.shape)
    mean, square = (np.sum(mass * forecast.atoms**power, axis=1) for power in (1, 2))
    quantile = {level: forecast.quantile(level) for level in (0.025, 0.1, 0.9, 0.975)}
    lines = []
    for model in np.unique(task.model):
        rows, column = np.nonzero((task.model == model)[:, None] & ~np.isnan(actual))
        seen = actual[rows, column]
        first = np.unique(rows, return_index=True)[1]
        lines.append(
            [
                scores.crps(forecast.atoms[rows], mass[rows], seen).mean(),
                pinball(quantile[0.9][rows], seen, 0.9),
                pinball(quantile[0.975][rows], seen, 0.975),
                square[rows].mean() / np.mean(seen**2),
                scores.coverage(quantile[0.1][rows], quantile[0.9][rows], seen),
                scores.coverage(quantile[0.025][rows], quantile[0.975][rows], seen),
                scores.kendall_tau(mean[rows[first]], seen[first]),
            ]
        )
    return dict(zip(_COLUMNS, np.mean(lines, axis=0).tolist(), strict=True))


_COLUMNS = ("CRPS", "pinball 0.9", "pinball 0.975", "E[L²] / actual", "80 %", "95 %", "tau")
_EXPLAINED = (
    "fit: CPU seconds. CRPS: in tokens, smaller is better. pinball: loss in tokens of the 90 % and "
    "97.5 % quantile, smaller is better. E[L²] / actual: the forecast mean of the squared length / "
    "the measured one, 1 is right. 80 %, 95 %: share of answers inside that interval. tau: "
    "Kendall's tau of the forecast's mean."
)
"""The table's columns, printed above the table."""
HEADS: dict[str, Callable[[Task], Forecast | tuple[Forecast, Forecast]]] = {
    "location, scale, calibrated shapes": location_scale,
    "quantile boosters": quantiles,
    "log bins": bins,
    "hazard": hazard,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the race, print the table, and write it if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, action="append", default=[])
    parser.add_argument("--write", type=Path)
    options = parser.parse_args(arguments)
    records = castillo.read_castillo(needed_data())
    header = f"| head | hold-out | fit, s | {' | '.join(_COLUMNS)} |"
    lines = [_EXPLAINED, "", header, "|---" * 10 + "|"]
    print("\n".join(lines), flush=True)
    for seed in options.seed or [0]:
        for line in race(prepare(records, seed), seed):
            print(line, flush=True)
            lines.append(line)
    if options.write:
        options.write.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def race(task: Task, seed: int) -> list[str]:
    """The lines of the table, one per head."""
    lines = []
    for name, head in HEADS.items():
        start = time.thread_time()
        made = head(task)
        spent = time.thread_time() - start
        forecasts = made if isinstance(made, tuple) else (made,)
        named = zip((name, "the same, log-t shape"), forecasts, strict=False)
        for label, forecast in named:
            values = score(task, forecast)
            cells = [
                f"{values[key]:.{1 if key.startswith(('C', 'p')) else 3}f}" for key in _COLUMNS
            ]
            lines.append(f"| {label} | {seed} | {spent:.0f} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
