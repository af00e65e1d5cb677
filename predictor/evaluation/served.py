"""``lengthwise evaluate --log``: what the served log forecast beside what came, by kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan, log
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from predictor import served_log
from predictor.arrays import Array, Flags
from predictor.data.parquet import flags, numbers, strings
from predictor.evaluation import scores
from predictor.evaluation.table import Table
from predictor.exit_codes import bad_input
from predictor.raw_forecast import QUANTILES

LEAST = 30
"""Answers of a kind that is shown."""

_WORST = 3  # kinds with a line of advice
_LOW, _MIDDLE, _HIGH = (QUANTILES.index(level) for level in (0.1, 0.5, 0.9))
_CLASSES = ((100.0, "up to 100"), (500.0, "100 to 500"), (2000.0, "500 to 2,000"))
_COVERAGE, _FACTOR, _TAU = (0.7, 0.9), 1.25, 0.1  # within these, a kind needs no advice
_HEADER = ("kind", "answers", "80 % covers", "came / forecast", "MAE", "tau")


@dataclass(frozen=True, slots=True)
class ServedAnswers:
    """n ended answers: tokens that came, forecast ``low``, ``median`` and ``high``, and kinds.

    ``low`` and ``high`` are the ends of the central 80 % interval. ``kinds`` are n names by what
    they tell (model, mode, ...).
    """

    came: Array
    low: Array
    median: Array
    high: Array
    kinds: dict[str, NDArray[np.str_]]


@dataclass(frozen=True, slots=True)
class KindScores:
    """How the forecasts of a ``kind`` did: ``factor`` is the median of came / forecast."""

    kind: str
    answers: int
    coverage: float
    factor: float
    mae: float
    tau: float

    @property
    def fault(self) -> float:
        """How far coverage and factor are off; 1 is hardly tolerable."""
        return max(abs(self.coverage - 0.8) / 0.1, abs(log(self.factor)) / log(_FACTOR))


def run_log(folder: Path) -> int:
    """Print the table of kinds and advice on the worst; returns the exit code."""
    try:
        answers = served_answers(served_log.read(folder))
    except served_log.LogError as error:
        return bad_input(error)
    if not len(answers.came):
        return bad_input(f"{folder} has no answer that ended with a forecast; serve requests first")
    kinds = list(scores_by_kind(answers))
    print(kinds_of_log(kinds).markdown())
    for line in advice(kinds):
        print(line)
    return 0


def served_answers(table: pa.Table) -> ServedAnswers:
    """The answers in a served log that ended by themselves and were forecast."""
    usable = pc.is_valid(table["predicted_quantiles"]).to_numpy() & ~flags(table, "censored")
    usable = usable & (numbers(table, "sequences") == 1) & (numbers(table, "output_tokens") > 0)
    kept = table.filter(pa.array(usable))
    quantiles = np.array(kept["predicted_quantiles"].to_pylist()).reshape(-1, len(QUANTILES))
    low, median, high = np.maximum(quantiles[:, [_LOW, _MIDDLE, _HIGH]].T, 1.0)
    return ServedAnswers(numbers(kept, "output_tokens"), low, median, high, _kinds(kept, median))


def _kinds(table: pa.Table, median: Array) -> dict[str, NDArray[np.str_]]:
    """The kinds by what they tell; a field that an old log lacks is "unknown"."""
    tools, json = numbers(table, "tools"), table["json"].to_pylist()
    classes = np.searchsorted([most for most, _ in _CLASSES], median)
    names = [*(name for _, name in _CLASSES), "above 2,000"]
    return {
        "model": _names(table, "model"),
        "mode": _names(table, "mode"),
        "tools": np.where(np.isnan(tools), "unknown", np.where(tools > 0, "offered", "none")),
        "json": np.array([{None: "unknown", True: "demanded"}.get(one, "free") for one in json]),
        "script": _names(table, "script"),
        "endpoint": _names(table, "endpoint"),
        "forecast": np.array([names[index] for index in classes.tolist()], dtype=np.str_),
    }


def _names(table: pa.Table, column: str) -> NDArray[np.str_]:
    known = [name or "unknown" for name in strings(table, column).tolist()]
    return np.array(known, dtype=np.str_)


def scores_by_kind(answers: ServedAnswers) -> Iterator[KindScores]:
    """The scores of all answers, then of each kind with at least ``LEAST``."""
    yield _scores("all", answers, np.ones(len(answers.came), dtype=np.bool_))
    for tells, names in answers.kinds.items():
        for name in np.unique(names).tolist():
            rows = names == name
            if LEAST <= rows.sum() < len(rows):
                yield _scores(f"{tells}: {name}", answers, rows)


def _scores(kind: str, answers: ServedAnswers, rows: Flags) -> KindScores:
    came, median = answers.came[rows], answers.median[rows]
    return KindScores(
        kind,
        len(came),
        scores.coverage(answers.low[rows], answers.high[rows], came),
        float(np.median(came / median)),
        float(np.mean(np.abs(came - median))),
        scores.kendall_tau(median, came),
    )


def kinds_of_log(kinds: list[KindScores]) -> Table:
    """The scores as a table."""
    rows: list[tuple[str, ...]] = [
        (
            one.kind,
            str(one.answers),
            f"{one.coverage:.1%}",
            f"{one.factor:.2f}",
            f"{one.mae:.0f}",
            "" if isnan(one.tau) else f"{one.tau:.3f}",
        )
        for one in kinds
    ]
    return Table("served log", _HEADER, rows)


def advice(kinds: list[KindScores]) -> list[str]:
    """A sentence on each of the worst kinds: what is wrong, and what to do."""
    worst = sorted(kinds, key=lambda one: -one.fault)
    told = [sentence for one in worst if (sentence := _sentence(one))]
    return told[:_WORST] or ["No kind is far off."]


def _sentence(one: KindScores) -> str:
    if not 1 / _FACTOR <= one.factor <= _FACTOR:
        return (
            f"{one.kind}: answers are {one.factor:.2f} times as long as forecast. Keep the gateway "
            "running (learning.folder), since the adaptive layer learns a level within some 50 "
            "answers, and set learning.refit_s."
        )
    if not _COVERAGE[0] <= one.coverage <= _COVERAGE[1]:
        return (
            f"{one.kind}: the 80 % interval covers {one.coverage:.0%}. Lengths vary in ways that "
            "the predictor does not see; train on this traffic (learning.keep_text, then "
            "`lengthwise train --data LOG`)."
        )
    if one.tau < _TAU:
        return (
            f"{one.kind}: the order of lengths is not forecast (tau {one.tau:.2f}); train on this "
            "traffic (learning.keep_text, then `lengthwise train --data LOG`)."
        )
    return ""
