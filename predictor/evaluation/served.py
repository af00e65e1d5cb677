"""``lengthwise evaluate --log``: what the served log forecast beside what came, by kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan, log, nan
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from predictor import served_log
from predictor.arrays import Array, Flags
from predictor.data.parquet import flags, numbers, strings
from predictor.evaluation import scores
from predictor.evaluation.table import Table
from predictor.exit_codes import bad_input
from predictor.raw_forecast import QUANTILES
from predictor.served_log import logged_forecast
from predictor.served_log.logged_forecast import are_sound, listed_quantiles

LEAST = 30
"""Answers of a kind that is shown."""

_LONGEST = 200  # letters of a name: numpy gives each row as many as the longest has
_WORST = 3  # kinds with a line of advice
_CLASSES = ((100.0, "up to 100"), (500.0, "100 to 500"), (2000.0, "500 to 2,000"))
_COVERAGE, _FACTOR, _TAU = (0.7, 0.9), 1.25, 0.1  # within these, a kind needs no advice
_HEADER = (
    *("kind", "answers", "50 % covers", "80 % covers", "90 % covers", "below 95 %"),
    *("came / forecast", "MAE", "tau", "CRPS skill"),
)


@dataclass(frozen=True, slots=True)
class ServedAnswers:
    """n ended answers: tokens that came, and ``quantiles`` (n x QUANTILES) and ``mean`` forecast.

    ``kinds`` are n names by what they tell (model, mode, ...).
    """

    came: Array
    quantiles: Array
    mean: Array
    kinds: dict[str, NDArray[np.str_]]

    def at(self, level: float) -> Array:
        """The forecast quantile at one of QUANTILES, in tokens."""
        return self.quantiles[:, QUANTILES.index(level)]

    def of(self, rows: Flags) -> ServedAnswers:
        """The answers at ``rows`` (n), without their kinds."""
        return ServedAnswers(self.came[rows], self.quantiles[rows], self.mean[rows], {})


@dataclass(frozen=True, slots=True)
class KindScores:
    """How the forecasts of a ``kind`` did.

    ``coverage``, ``coverage50`` and ``coverage90``: share of answers in the central interval of 80,
    50 and 90 %. ``below95``: share up to the quantile at 95 %, the last one that a log has.
    ``factor``: median of came / forecast. ``mae`` is in tokens. ``skill``: CRPS on a scale where 0
    is a forecast that knows only the lengths of this kind, and 1 one that knows each length.
    """

    kind: str
    answers: int
    coverage50: float
    coverage: float
    coverage90: float
    below95: float
    factor: float
    mae: float
    tau: float
    skill: float

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
    """The answers in a served log that ended by themselves and had a forecast that can be true."""
    mean = numbers(table, "predicted_mean")
    usable = are_sound(table["predicted_quantiles"], mean) & ~flags(table, "censored")
    usable = usable & (numbers(table, "sequences") == 1) & (numbers(table, "output_tokens") > 0)
    kept = table.filter(pa.array(usable))
    quantiles = np.maximum(listed_quantiles(kept["predicted_quantiles"]), 1.0)
    came = numbers(kept, "output_tokens")
    return ServedAnswers(
        came, quantiles, mean[usable], _kinds(kept, quantiles[:, len(QUANTILES) // 2])
    )


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
    known = [(name or "unknown")[:_LONGEST] for name in strings(table, column).tolist()]
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
    chosen = answers.of(rows)
    came, median = chosen.came, chosen.at(0.5)

    def covered(low: float, high: float) -> float:
        return scores.coverage(chosen.at(low), chosen.at(high), came)

    return KindScores(
        kind,
        len(came),
        covered(0.25, 0.75),
        covered(0.1, 0.9),
        covered(0.05, 0.95),
        float(np.mean(came <= chosen.at(0.95))),
        float(np.median(came / median)),
        scores.mae(median, came),
        scores.kendall_tau(median, came),
        _skill(chosen),
    )


def _skill(answers: ServedAnswers) -> float:
    if len(answers.came) < 2:
        return nan
    alone = scores.crps_of_all(answers.came)
    mass = np.array(logged_forecast.MASS)
    made = scores.crps(logged_forecast.atoms(answers.quantiles, answers.mean), mass, answers.came)
    return 1 - float(made.mean()) / alone if alone > 0 else nan


def kinds_of_log(kinds: list[KindScores]) -> Table:
    """The scores as a table."""
    rows: list[tuple[str, ...]] = [
        (
            one.kind,
            str(one.answers),
            *(f"{share:.1%}" for share in (one.coverage50, one.coverage, one.coverage90)),
            f"{one.below95:.1%}",
            f"{one.factor:.2f}",
            f"{one.mae:.0f}",
            *("" if isnan(score) else f"{score:.3f}" for score in (one.tau, one.skill)),
        )
        for one in kinds
    ]
    return Table("served log", _HEADER, rows)


def advice(kinds: list[KindScores]) -> list[str]:
    """A sentence on each of the worst kinds: what is wrong, and what to do."""
    worst = sorted(kinds, key=lambda one: -one.fault)
    told = [sentence for one in worst if (sentence := what_to_do(one))]
    return told[:_WORST] or ["No kind is far off."]


def what_to_do(one: KindScores) -> str:
    """A sentence on what is wrong with the forecasts of a kind and what to do; "" if nothing."""
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
