"""The section on what the policy saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.report.groups import CLASSES
from gateway.report.page import text
from gateway.report.page.charts import Dot, dots
from gateway.report.page.fit import MEASURES, check, remedies, why_off
from gateway.report.page.html import Html, el, name, prose, table
from scheduler.waiting_counts import LENGTHS

BASELINES = {"fcfs": "arrival order (fcfs)", "stock": "vLLM's own admission (stock)"}

_SHOWN = ("mean_per_token", "mean_e2e", "p99_e2e")

LENGTH_NAMES = {"all": "all", **dict(zip((*map(str, LENGTHS), "longer"), CLASSES, strict=True))}
"""Length class of the replay -> its name."""

_REASONS = {
    "few_requests": "too few whole answers are in the period for a replay",
    "unlike_workers": "workers serve some models together and others alone, or have left, so that "
    "no one queue fits them",
}


def section(facts: Mapping[str, Any]) -> tuple[str, list[Html]]:
    """Conclusion and content."""
    saved = facts["saved"]
    content = [part for baseline in saved.get("saved", {}) for part in _baseline(saved, baseline)]
    return conclusion(saved), [*content, *check(saved), el("ul", *_notes(saved), class_="notes")]


def conclusion(saved: Mapping[str, Any]) -> str:
    """What was saved and who lost, or why nothing can be said."""
    if saved["state"] == "model_off":
        return f"No saving is shown: {why_off(saved)}."
    if saved["state"] != "ok":
        return f"No saving is shown: {_REASONS.get(saved['state'], saved['state'])}."
    if saved["policy"] == "fcfs":
        return f"The policy is fcfs itself. Against {_told(saved, 'stock')}"
    return f"Against {_told(saved, 'fcfs')}"


def _told(saved: Mapping[str, Any], baseline: str) -> str:
    row = saved["saved"][baseline]["all"]["mean_per_token"]
    low, high = (text.share(value) for value in _interval(saved, baseline, "all", "mean_per_token"))
    against = BASELINES[baseline]
    if row["low"] <= 0 <= row["high"]:
        sentence = f"{against}, no clear difference in the mean time per output token"
    else:
        word = "saved" if row["seconds"] > 0 else "cost"
        amount = text.share(abs(row["share"]))
        sentence = f"{against}, {saved['policy']} {word} {amount} of the mean time per output token"
    return f"{sentence} (90 % interval {low} to {high}); {_paid(saved, baseline)}."


def _paid(saved: Mapping[str, Any], baseline: str) -> str:
    """Who lost, beyond doubt: length classes in the mean, and the slowest of all."""
    told = []
    if lost := [LENGTH_NAMES[one] for one in losers(saved, baseline)]:
        told.append(f"answers of {' and of '.join(lost)} tokens lost")
    slowest = saved["saved"][baseline]["all"]["p99_e2e"]
    if slowest["high"] < 0:
        told.append(f"the p99 of the whole time is {text.share(-slowest['share'])} longer")
    return " and ".join(told) or "nobody clearly lost"


def losers(saved: Mapping[str, Any], baseline: str) -> list[str]:
    """Length classes whose mean whole time was longer than under ``baseline``, beyond doubt."""
    rows = saved["saved"][baseline]
    return [one for one in rows if one != "all" and rows[one]["mean_e2e"]["high"] < 0]


def _interval(
    saved: Mapping[str, Any], baseline: str, length: str, measure: str
) -> tuple[float, float]:
    """The ends of a saving's interval, as shares of the latency under ``baseline``."""
    row = saved["saved"][baseline][length][measure]
    actual = saved["arms"]["actual"][length][measure]
    return (
        row["low"] / max(actual + row["low"], 1e-9),
        row["high"] / max(actual + row["high"], 1e-9),
    )


def _baseline(saved: Mapping[str, Any], baseline: str) -> Iterator[Html]:
    rows = saved["saved"][baseline]
    against = f"Against {BASELINES[baseline]}"
    yield el("h3", f"{against}: saved share of the mean whole time")
    drawn = [
        Dot(
            el("span", LENGTH_NAMES[length]),
            row["mean_e2e"]["share"],
            *_interval(saved, baseline, length, "mean_e2e"),
        )
        for length, row in rows.items()
    ]
    about = "Share of the mean whole time that was saved, by output tokens; see the table"
    yield dots(drawn, text.signed, about)
    head = ("output tokens", "answers", *(MEASURES[one] for one in _SHOWN), "preemptions")
    cells = [_cells(saved, baseline, length) for length in rows]
    caption = f"{against}: saved share, seconds and their 90 % interval"
    yield table(caption, head, cells)


def _cells(saved: Mapping[str, Any], baseline: str, length: str) -> list[str | Html]:
    row = saved["saved"][baseline][length]
    count = saved["arms"]["actual"][length]["requests"]
    cells: list[str | Html] = [LENGTH_NAMES[length], text.number(count)]
    cells += [_saving(row[one]) if one in row else "" for one in _SHOWN]
    return [*cells, text.number(row["preemptions"])]


def _saving(found: Mapping[str, float]) -> Html:
    clear = "better" if found["low"] > 0 else "worse" if found["high"] < 0 else None
    span = f"{text.seconds(found['low'])} to {text.seconds(found['high'])}"
    return el(
        "span",
        el("span", text.signed(found["share"]), class_=clear),
        el("small", f"{text.seconds(found['seconds'])} ({span})"),
    )


def _scaled(saved: Mapping[str, Any]) -> str:
    if "model" not in saved:
        return ""
    return f", scaled by {text.decimal(saved['model']['cost_factor'])} (cost_factor)"


def _notes(saved: Mapping[str, Any]) -> Iterator[Html]:
    replayed = text.number(saved["replayed"])
    if saved["left_out"]:
        yield el(
            "li",
            f"{replayed} requests were replayed: 8 stretches of neighbours, spread evenly over the "
            f"period, of which the first tenth only fills the engines. "
            f"{text.number(saved['left_out'])} others were left out (--most-replayed).",
        )
    else:
        yield el("li", f"All {replayed} requests of the period were replayed.")
    yield el(
        "li",
        prose(
            f"The policy is taken to be {saved['policy']} (`scheduling.policy`), from "
            f"{saved['policy_from']}. If the gateway ran another one, name its configuration with "
            "`--config`."
        ),
    )
    yield el("li", f"Costs of the engines' steps: from the {saved['costs_from']}{_scaled(saved)}.")
    for worker in saved["workers"]:
        source = "as configured" if worker["slots_known"] else "read from the log"
        memory = "unknown" if worker["kv_tokens"] is None else text.number(worker["kv_tokens"])
        yield el(
            "li",
            name(worker["name"]),
            f": {worker['slots']} sequences at once, {source}; KV cache in tokens: {memory}.",
        )
    yield from remedies(saved)
    yield el(
        "li",
        "fcfs is this gateway in arrival order; stock is vLLM alone, which takes every request at "
        "once and preempts where its memory ends. Intervals hold the chance of these requests, not "
        "an error of the model.",
    )
