"""The recommendation: the best policy and settings within a budget for the p99 latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from gateway.simulate.arm_options import Budget
from gateway.simulate.study import ReportRow, mean
from gateway.simulate.table import by_label, by_load
from scheduler.sim.arms import ORACLE, STOCK

CONTROL = "fcfs"
SETTINGS = ("ageing", "level", "kv_overflow")

RowsByLoad = Mapping[float, Sequence[ReportRow]]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A policy with its settings.

    ``latency`` is the mean normalised latency divided by the latency of fcfs, averaged over the
    loads. ``p99`` is the largest p99 end-to-end latency over the loads, in the budget's unit.
    """

    settings: str
    latency: float
    p99: float


def advise(rows: Sequence[ReportRow], budget: Budget) -> str:
    """The policy of least mean normalised latency whose p99 end-to-end latency keeps ``budget``.

    Latencies are means over the seeds, compared with fcfs at the same load. If fcfs ran with
    several settings, only the first setting counts. The budget has to hold at every load. stock and
    the oracle are never recommended.
    """
    controls = by_label([row for row in rows if row["policy"] == CONTROL])
    control = by_load(next(iter(controls.values())))
    groups = by_label([row for row in rows if row["policy"] not in (STOCK, ORACLE)])
    candidates = [_candidate(group, control, budget) for group in groups.values()]
    within = [candidate for candidate in candidates if candidate.p99 <= budget.value]
    if not within:
        return _nothing_within(min(candidates, key=lambda candidate: candidate.p99), budget)
    return _recommendation(min(within, key=lambda candidate: candidate.latency), budget)


def _candidate(rows: Sequence[ReportRow], control: RowsByLoad, budget: Budget) -> _Candidate:
    loads = by_load(rows)
    return _Candidate(
        settings=_settings(rows[0]),
        latency=fmean(
            _ratio(loads[load], control[load], "mean_normalised_latency") for load in loads
        ),
        p99=max(
            _ratio(loads[load], control[load], "p99_e2e")
            if budget.relative
            else mean(loads[load], "p99_e2e")
            for load in loads
        ),
    )


def _recommendation(best: _Candidate, budget: Budget) -> str:
    return (
        f"Best policy with p99 end-to-end latency <= {budget.text} at every load:\n"
        f"  {best.settings}\n"
        f"  mean normalised latency: {best.latency:.2f} x fcfs (mean over the loads)\n"
        f"  p99 end-to-end latency: {best.p99:.2f}{budget.unit} (at the load where it is largest)"
    )


def _nothing_within(closest: _Candidate, budget: Budget) -> str:
    return (
        f"No policy keeps p99 end-to-end latency <= {budget.text} at every load.\n"
        f"Closest: {closest.settings}, with {closest.p99:.2f}{budget.unit}.\n"
        "Raise --p99-budget, try more --ageing rates or --level values, or lower --loads."
    )


def _settings(row: ReportRow) -> str:
    """The settings in the notation of lengthwise.yaml, separated by commas."""
    settings = [f"policy: {row['policy']}"]
    settings += [f"{name}: {row[name]:g}" for name in SETTINGS if row[name] is not None]
    return ", ".join(settings)


def _ratio(rows: Sequence[ReportRow], control: Sequence[ReportRow], column: str) -> float:
    return mean(rows, column) / mean(control, column)
