"""Whether the replay of the present policy fits what came, what is off, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.replay.judge import COST_FACTOR, allowed
from gateway.report.page import text
from gateway.report.page.html import Html, el, prose, table

MEASURES = {
    "mean_per_token": "mean time per output token",
    "mean_e2e": "mean whole time",
    "p99_e2e": "p99 of the whole time",
    "mean_ttft": "mean time to the first token",
    "p99_ttft": "p99 of the time to the first token",
}

_STEPS = "engine steps (cost_factor)"


def why_off(saved: Mapping[str, Any]) -> str:
    """Which figure is off, by how much, and how much is allowed."""
    model = saved["model"]
    errors, tolerance = model["error_ratio"], model["tolerance"]
    if off := [one for one in MEASURES if one in model["beyond"] and one in errors]:
        worst = max(off, key=lambda one: abs(errors[one]))
        whole = " of the whole time" if worst.endswith("ttft") else ""
        return (
            "the replay of what really ran does not fit, off by "
            f"{text.signed(errors[worst])} in the {MEASURES[worst]} "
            f"(allowed: {text.share(allowed(worst, tolerance))}{whole})"
        )
    if COST_FACTOR in model["beyond"]:
        return (
            "the replay of what really ran fits only with engine steps that take "
            f"{text.decimal(model[COST_FACTOR])} times as long as by the {saved['costs_from']} "
            f"(cost_factor; allowed: {_range(tolerance)})"
        )
    return "no measured answer could be replayed"


def _range(tolerance: float) -> str:
    return f"{text.decimal(1 / (1 + tolerance))} to {text.decimal(1 + tolerance)}"


def check(saved: Mapping[str, Any]) -> Iterator[Html]:
    """The replay of the present policy beside what really came."""
    if "model" not in saved:
        return
    model = saved["model"]
    errors, tolerance = model["error_ratio"], model["tolerance"]
    actual, present = (saved["arms"][arm].get("all", {}) for arm in ("actual", "present"))
    rows: list[list[str | Html]] = [
        [
            title,
            text.seconds(actual[one]) if one in actual else "",
            text.seconds(present[one]) if one in present else "",
            _off(text.signed(errors[one]), too_far=one in model["beyond"]),
        ]
        for one, title in MEASURES.items()
        if one in errors
    ]
    factor = _off(text.signed(model[COST_FACTOR] - 1), too_far=COST_FACTOR in model["beyond"])
    rows.append([_STEPS, "", f"× {text.decimal(model[COST_FACTOR])}", factor])
    verdict = "fits" if saved["state"] == "ok" else "does not fit"
    caption = (
        f"The replay of the present policy {verdict}: what came, and the same replayed "
        f"(allowed: {text.share(tolerance)}, for a p99 a quarter more)"
    )
    yield table(caption, ("measure", "came", "replayed", "off by"), rows)
    yield el(
        "p",
        "The time to the first token is judged as a part of the whole time: what it is off by may "
        "be up to the same share of the whole time. The length of the engines' steps is scaled by "
        "the cost factor until the mean whole time fits; a factor far from 1 says that the replay "
        "goes by other engines than those that ran.",
        class_="note",
    )


def _off(shown: str, *, too_far: bool) -> Html:
    return el("span", shown, el("small", "too far") if too_far else "")


def remedies(saved: Mapping[str, Any]) -> Iterator[Html]:
    """What to try where the replay does not fit."""
    if saved["state"] != "model_off":
        return
    if COST_FACTOR in saved["model"]["beyond"]:
        yield el(
            "li",
            prose(
                "What a cost factor far from 1 comes from: `max_num_seqs` of a worker that is not "
                "the engine's own, requests at the workers that did not come through this gateway, "
                "or a `--cost-model` of another machine."
            ),
        )
    yield el(
        "li",
        prose(
            "What to try: `--config` with `max_num_seqs` and `kv_tokens` of the workers, "
            "`--cost-model` from `lengthwise calibrate`, or a period in which neither workers "
            "nor settings changed (`--since`, `--until`)."
        ),
    )
