"""Judge: one replay from the window to the page that the gateway shows."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from gateway.replay.compare import Flags, savings, statistics
from gateway.replay.pools import Pool, UnlikeWorkersError, equip, pools
from gateway.replay.replay import ACTUAL, BASELINES, PRESENT, Replayed, replay
from gateway.replay.seen import Window
from gateway.shadow.records import WorkerLimits
from scheduler.sim.costs import StepCosts
from scheduler.waiting_counts import LENGTHS

ALL = "all"
LONGER = "longer"

FEWEST = 100
"""Measured requests from which on there are figures."""

FEWEST_OF_A_CLASS = 20
"""Measured requests from which on a length class has figures."""

P99_SLACK = 1.25
"""How much further than a mean a p99 may be off: it stands on fewer requests."""

COST_FACTOR = "cost_factor"
"""By how much the steps' costs were scaled, among what may be off."""

_WHOLE = {"mean_ttft": "mean_e2e", "p99_ttft": "p99_e2e"}
"""Measure -> that of the whole time, by which it is judged."""

_MOST_STRANGERS = 0.02
"""Share of requests that belong to no present worker from which on there are no figures."""


class NoFiguresError(Exception):
    """There are no figures; ``state`` is the word for the reason."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


def judge(window: Window, setup: Mapping[str, Any]) -> dict[str, Any]:
    """The page: ``state`` is "ok" or why there are no figures."""
    begun = time.monotonic()
    page = {"window_s": round(max(0.0, window.end - window.begin), 1), "policy": setup["policy"]}
    try:
        found = equipped(window, setup)
    except NoFiguresError as reason:
        return {**page, "state": reason.state, "requests": sum(window.measured)}
    page |= figures(replay(window, found, setup), setup["tolerance"])
    return {**page, "model": page["model"] | _model(found, begun)}


def equipped(
    window: Window, setup: Mapping[str, Any], costs: StepCosts | None = None
) -> list[Pool]:
    """The pools of the window's requests, with engines of these ``costs`` or of learned ones.

    Raises:
        NoFiguresError: there are too few requests, or workers that fit no one queue.
    """
    if sum(window.measured) < FEWEST:
        raise NoFiguresError("few_requests")
    workers = [WorkerLimits(*worker) for worker in setup["workers"]]
    try:
        found = pools(workers, window.seen)
    except UnlikeWorkersError:
        raise NoFiguresError("unlike_workers") from None
    known = sum(len(pool.requests) for pool in found)
    if known < (1 - _MOST_STRANGERS) * len(window.seen):
        raise NoFiguresError("unlike_workers")
    if not all(equip(pool, window.seen, costs) for pool in found):
        raise NoFiguresError("few_requests")
    return found


def figures(replayed: Replayed, tolerance: float) -> dict[str, Any]:
    """The figures; without what was saved where the model does not fit."""
    classes = length_classes(replayed)
    actual, present = (_over_all(replayed, arm) for arm in (ACTUAL, PRESENT))
    errors = {
        name: round(present[name] / actual[name] - 1, 4) for name in present if actual.get(name)
    }
    factors = replayed.cost_factors
    beyond = _beyond(actual, present, tolerance, factors)
    fits = bool(present) and not beyond
    return {
        "state": "ok" if fits else "model_off",
        "requests": len(replayed.output_tokens),
        "model": {
            "error_ratio": errors,
            COST_FACTOR: round(_furthest(factors), 4),
            "tolerance": tolerance,
            "beyond": beyond,
        },
        "arms": {
            arm: {name: _row(replayed, arm, chosen) for name, chosen in classes.items()}
            for arm in replayed.arms
        },
        "saved": {
            baseline: {name: _saved(replayed, baseline, chosen) for name, chosen in classes.items()}
            for baseline in (BASELINES if fits else ())
        },
    }


def _furthest(factors: Sequence[float]) -> float:
    """The factor that is furthest from 1."""
    return max(factors, key=lambda factor: abs(math.log(factor)))


def length_classes(replayed: Replayed) -> dict[str, Flags]:
    """The requests of each length class that has enough of them, by the length that came."""
    tokens = replayed.output_tokens
    index = np.searchsorted(np.array(LENGTHS), tokens)
    names = [*map(str, LENGTHS), LONGER]
    found = {ALL: np.ones(len(tokens), dtype=bool)}
    found |= {name: index == place for place, name in enumerate(names)}
    return {name: chosen for name, chosen in found.items() if chosen.sum() >= FEWEST_OF_A_CLASS}


def _over_all(replayed: Replayed, arm: str) -> dict[str, float]:
    return statistics(replayed.arms[arm], np.ones(len(replayed.output_tokens), dtype=bool))


def _beyond(
    actual: Mapping[str, float],
    present: Mapping[str, float],
    tolerance: float,
    factors: Sequence[float],
) -> list[str]:
    """What of the present policy's replay is further off than allowed: measures, the cost factor.

    The time to the first token counts as a part of the whole time: milliseconds that the network
    takes are much of a short one, and change nothing of what is saved.
    """
    bent = not all(abs(math.log(factor)) <= math.log1p(tolerance) for factor in factors)
    off = [
        name
        for name in present
        if abs(present[name] - actual[name])
        > allowed(name, tolerance) * actual[_WHOLE.get(name, name)]
    ]
    return [*off, COST_FACTOR] if bent else off


def allowed(measure: str, tolerance: float) -> float:
    """Share of the whole time by which the replay of a measure may be off."""
    return tolerance * (P99_SLACK if measure.startswith("p99") else 1.0)


def _row(replayed: Replayed, arm: str, chosen: Flags) -> dict[str, float | int | None]:
    latencies = replayed.arms[arm]
    row: dict[str, float | int | None] = {"requests": int(chosen.sum())}
    row |= {name: round(value, 6) for name, value in statistics(latencies, chosen).items()}
    row["preemptions"] = None if arm == ACTUAL else int(latencies.preemptions[chosen].sum())
    return row


def _saved(replayed: Replayed, baseline: str, chosen: Flags) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: {part: round(value, 6) for part, value in asdict(saving).items()}
        for name, saving in savings(replayed, baseline, chosen).items()
    }
    other, present = (replayed.arms[arm].preemptions[chosen].sum() for arm in (baseline, PRESENT))
    return row | {"preemptions": int(other - present)}


def _model(found: Sequence[Pool], begun: float) -> dict[str, Any]:
    """What the simulation went by."""
    return {
        "workers": sum(len(pool.workers) for pool in found),
        "costs": asdict(found[0].costs),
        "delay_s": round(max(pool.delay for pool in found), 4),
        "cost_fit_error": round(max(pool.fit_error for pool in found), 4),
        "replay_s": round(time.monotonic() - begun, 2),
    }
