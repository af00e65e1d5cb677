"""The section on where the predictor fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.report.page import text
from gateway.report.page.charts import Dot, dots
from gateway.report.page.html import Html, el, name, prose, table

SHOWN = 12
"""Kinds in the table, the worst ones."""

_DRAWN = 8
_FINE = (0.7, 0.9)
_HEAD = (
    *("kind", "answers", "50 % covers", "80 % covers", "90 % covers", "below 95 %"),
    *("came / forecast", "tau", "CRPS skill"),
)


def section(facts: Mapping[str, Any]) -> tuple[str, list[Html]]:
    """Conclusion and content."""
    found = facts["forecasts"]
    untrue = list(_untrue(found))
    if not found["answers"]:
        return "No answer was forecast and ended by itself, so no forecast can be judged.", untrue
    return conclusion(found), [*_todo(found), *_plot(found), *_table(found), *untrue]


def conclusion(found: Mapping[str, Any]) -> str:
    """How good the forecasts are, and which kind is the worst."""
    every = found["all"]
    bad = [row for row in found["kinds"] if row["todo"]]
    worst = f"; the worst kind is “{bad[0]['kind']}”" if bad else "; no kind is far off"
    return (
        f"The 80 % interval held {text.share(every['coverage'])} of "
        f"{text.number(every['answers'])} answers, which came {text.decimal(every['factor'])} "
        f"times as long as the median forecast{worst}."
    )


def _todo(found: Mapping[str, Any]) -> Iterator[Html]:
    told = [row["todo"] for row in (found["all"], *found["kinds"]) if row["todo"]]
    if told:
        yield el("h3", "What to do")
        yield el("ul", (el("li", prose(sentence)) for sentence in told[:5]), class_="notes")


def _plot(found: Mapping[str, Any]) -> Iterator[Html]:
    rows = [
        Dot(name(row["kind"]), row["coverage"]) for row in (found["all"], *found["kinds"][:_DRAWN])
    ]
    least = min(0.5, *(row.value for row in rows))
    yield el("h3", "Answers within the 80 % interval, worst kinds first")
    about = "Coverage of the 80 % interval by kind; the band is 70 to 90 %; see the table"
    yield dots(rows, text.share, about, ends=(least, 1.0), mark=0.8, band=_FINE)


def _table(found: Mapping[str, Any]) -> Iterator[Html]:
    rows = (_cells(row) for row in (found["all"], *found["kinds"][:SHOWN]))
    yield table("Forecasts beside what came, worst kinds first", _HEAD, rows)
    yield el(
        "p",
        "A kind needs 30 answers that ended by themselves. Came / forecast is the median of the "
        "ratio to the median forecast: above 1, forecasts are too short. Tau: 1 is the right "
        "order, 0 a random one. CRPS skill: 0 is a forecast that knows only the lengths of this "
        "kind, 1 one that knows each length. A log holds no wider interval than 90 %, and the "
        "quantile at 95 %. ",
        el("code", "lengthwise evaluate --log"),
        " prints the same of the whole log.",
        class_="note",
    )


def _untrue(found: Mapping[str, Any]) -> Iterator[Html]:
    if found["untrue"]:
        requests = text.number(found["untrue"])
        yield el(
            "p",
            f"{requests} requests have a recorded forecast that cannot be true, such as a negative "
            "length or too few quantiles; it is not scored.",
            class_="note",
        )


def _cells(row: Mapping[str, Any]) -> list[str | Html]:
    shares = ("coverage50", "coverage", "coverage90", "below95")
    return [
        name(row["kind"]),
        text.number(row["answers"]),
        *(text.share(row[one]) for one in shares),
        text.decimal(row["factor"]),
        text.decimal(row["tau"]),
        text.decimal(row["skill"]),
    ]
