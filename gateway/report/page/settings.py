"""The section on what to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.report.page import text
from gateway.report.page.charts import Dot, dots
from gateway.report.page.html import Html, el, table
from gateway.report.page.saved import LENGTH_NAMES
from gateway.report.settings import LEAST_GAIN

_DRAWN = 8

_SHOWN = {
    "mean_per_token": "mean time per output token",
    "mean_e2e": "mean whole time",
    "p99_e2e": "p99 of the whole time",
}


def section(facts: Mapping[str, Any]) -> tuple[str, list[Html]]:
    """Conclusion and content."""
    found = facts["settings"]
    return conclusion(found), [*_change(found), *_confirmed(found), *_tried(found)]


def conclusion(found: Mapping[str, Any]) -> str:
    """What to set, or to keep what is there."""
    if found["verdict"] == "no_replay":
        return (
            "Keep what you have: without a replay that fits, and enough requests, no other setting "
            "can be judged."
        )
    if found["best"] is None:
        return (
            f"Keep what you have: of {len(found['tried'])} other settings, none was better by 2 % "
            "or more in the mean time per output token without a longer p99."
        )
    gain = found["gains"]["all"]["mean_per_token"]
    part, span = text.share(abs(gain["share"])), _span(gain)
    if found["verdict"] == "change":
        return (
            f"Set {found['best']}: on requests that it was not chosen on, it would cut the mean "
            f"time per output token by {part} ({span})."
        )
    if gain["low"] > 0 and gain["share"] >= LEAST_GAIN:
        but = f"its p99 on the rest is {text.share(found['p99_ratio'] - 1)} longer"
    else:
        but = f"its gain on the rest is not clear ({text.signed(gain['share'])}, {span})"
    return f"Keep what you have: {found['best']} was best on the first part of the log, but {but}."


def _label(row: Mapping[str, Any]) -> Html:
    late = "" if row["allowed"] else el("small", " p99 too long")
    return el("span", row["name"], late)


def _span(gain: Mapping[str, float]) -> str:
    return f"90 % interval {text.signed(gain['share_low'])} to {text.signed(gain['share_high'])}"


def _change(found: Mapping[str, Any]) -> Iterator[Html]:
    if found["verdict"] == "change":
        yield el("pre", el("code", found["snippet"]), tabindex="0")


def _confirmed(found: Mapping[str, Any]) -> Iterator[Html]:
    if not found.get("gains"):
        return
    rows = [
        [LENGTH_NAMES[length], *(_gain(row[one]) if one in row else "" for one in _SHOWN)]
        for length, row in found["gains"].items()
    ]
    caption = (
        f"{found['best']}: gain on {text.number(found['confirmed_on'])} later answers, as share, "
        "seconds and their 90 % interval"
    )
    yield table(caption, ("output tokens", *_SHOWN.values()), rows)


def _gain(found: Mapping[str, float]) -> Html:
    clear = "better" if found["low"] > 0 else "worse" if found["high"] < 0 else None
    return el(
        "span",
        el("span", text.signed(found["share"]), class_=clear),
        el(
            "small",
            f"{text.seconds(found['seconds'])} ({text.seconds(found['low'])} to "
            f"{text.seconds(found['high'])})",
        ),
    )


def _tried(found: Mapping[str, Any]) -> Iterator[Html]:
    if not found.get("tried"):
        return
    rows = sorted(found["tried"], key=lambda row: row["ratio"])
    title = (
        "Change of the mean time per output token by other settings, on the first part "
        f"({text.number(found['chosen_on'])} answers; best first)"
    )
    yield el("h3", title)
    about = "Change of the mean time per output token by setting; see the table"
    yield dots([Dot(_label(row), row["ratio"] - 1) for row in rows[:_DRAWN]], text.signed, about)
    cells = (
        [
            row["name"],
            text.signed(row["ratio"] - 1),
            text.signed(row["p99_ratio"] - 1),
            "yes" if row["allowed"] else "no: p99 too long",
        ]
        for row in rows
    )
    head = ("setting", "mean time per output token", "p99 of the whole time", "may be chosen")
    found_table = table("Change against the present settings", head, cells, texts=(3,))
    yield el("details", el("summary", "All settings as a table"), found_table)
    yield el(
        "p",
        "One setting is changed at a time, and the requests are replayed with the lengths that "
        "came and the forecasts that they had. The best is chosen on the first part alone (least "
        "mean time per output token, p99 at most 10 % longer) and reported on the rest alone. It "
        "is recommended where the whole interval is a gain, of 2 % or more. Retries, deadlines "
        "and prefix caches are not replayed.",
        class_="note",
    )
