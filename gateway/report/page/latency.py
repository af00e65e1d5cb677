"""The section on where the time went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.report.latency import PHASES
from gateway.report.page import text
from gateway.report.page.charts import stacks
from gateway.report.page.html import Html, el, grouped_table

_PARTS = (("queue", "queue"), ("first token", "prefill"), ("decoding", "decode"))
_STATISTICS = ("mean", "p50", "p90", "p99")


def section(facts: Mapping[str, Any]) -> tuple[str, list[Html]]:
    """Conclusion and content."""
    latency = facts["latency"]
    if not latency["classes"]:
        return "No answer is complete, so no time can be told.", []
    return conclusion(latency), [*_plot(latency), *_tables(latency)]


def conclusion(latency: Mapping[str, Any]) -> str:
    """The mean, the part of the queue in it, and the slowest."""
    everyone = latency["classes"][0]
    whole, queue = everyone["e2e"], everyone.get("queue")
    part = text.share(queue["mean"] / max(whole["mean"], 1e-9)) if queue else "an unknown part"
    return (
        f"An answer took {text.seconds(whole['mean'])} in the mean, {part} of it in the queue; the "
        f"slowest in a hundred took {text.seconds(whole['p99'])} or more."
    )


def _plot(latency: Mapping[str, Any]) -> Iterator[Html]:
    rows = [
        (row["name"], [row["stack"][part] for _, part in _PARTS], text.seconds(row["stack"]["e2e"]))
        for row in latency["classes"]
        if "stack" in row
    ]
    if rows:
        yield el("h3", "Parts of the mean time of streamed answers, by output tokens")
        yield stacks(rows, _PARTS, "Shares of queue, first token and decoding; see the table")


def _tables(latency: Mapping[str, Any]) -> Iterator[Html]:
    groups = ((_group(row), _rows(row)) for row in latency["classes"])
    caption = "Times by output tokens of the answer; first token: from the worker's start on"
    yield grouped_table(caption, ("part", *_STATISTICS, "answers"), groups)
    yield el(
        "p",
        "Whole answers only. An answer that is not streamed shows no first token, so it counts in "
        "queue and whole time alone.",
        class_="note",
    )


def _group(row: Mapping[str, Any]) -> str:
    return "all answers" if row["name"] == "all" else f"{row['name']} tokens"


def _rows(row: Mapping[str, Any]) -> list[list[str]]:
    return [
        [
            title,
            *(text.seconds(row[phase][one]) for one in _STATISTICS),
            text.number(row[phase]["requests"]),
        ]
        for phase, title in PHASES.items()
        if phase in row
    ]
