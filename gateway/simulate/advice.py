"""The recommendation: the policy and settings that do best within a budget for the slowest."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from gateway.simulate.options import Budget
from gateway.simulate.study import Row, mean
from gateway.simulate.table import by_label, by_load
from scheduler.sim.arms import ORACLE, STOCK

CONTROL = "fcfs"
SETTINGS = ("ageing", "level", "kv_overflow")


def advise(rows: Sequence[Row], budget: Budget) -> str:
    """The policy of least mean normalised latency whose p99 end-to-end latency keeps ``budget``.

    Latencies are means over the seeds; they are compared with those of fcfs (the first, if it was
    tried with several settings) load by load, and the budget holds at every load.
    """
    controls = by_label([row for row in rows if row["policy"] == CONTROL])
    control = by_load(next(iter(controls.values())))
    best: tuple[float, float, Row] | None = None
    closest: tuple[float, Row] | None = None
    for found in by_label([r for r in rows if r["policy"] not in (STOCK, ORACLE)]).values():
        loads = by_load(found)
        gain = fmean(
            _ratio(loads[load], control[load], "mean_normalised_latency") for load in loads
        )
        slowest = max(
            _ratio(loads[load], control[load], "p99_e2e")
            if budget.relative
            else mean(loads[load], "p99_e2e")
            for load in loads
        )
        if closest is None or slowest < closest[0]:
            closest = slowest, found[0]
        if slowest <= budget.value and (best is None or gain < best[0]):
            best = gain, slowest, found[0]
    unit = " x fcfs" if budget.relative else " s"
    limit = f"{budget.value:g}{unit}"
    if best is None:
        assert closest is not None
        return (
            f"No policy keeps p99 end-to-end latency within {limit} at every load; the closest is "
            f"{_settings(closest[1])} with {closest[0]:.2f}{unit}. Raise --p99-budget, add ageing "
            "rates or levels, or lower the loads."
        )
    gain, slowest, row = best
    return (
        f"Within p99 <= {limit} at every load: {_settings(row)}\n"
        f"  mean normalised latency {gain:.2f} x fcfs (mean over the loads), "
        f"p99 end-to-end latency at most {slowest:.2f}{unit}"
    )


def _settings(row: Row) -> str:
    found = [f"policy: {row['policy']}"]
    found += [f"{name}: {row[name]:g}" for name in SETTINGS if row[name] is not None]
    return ", ".join(found)


def _ratio(found: Sequence[Row], control: Sequence[Row], column: str) -> float:
    return mean(found, column) / mean(control, column)
