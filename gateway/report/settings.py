"""What to change: settings chosen on the first part of the log and confirmed on the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gateway.replay.compare import Flags, Saving, savings, statistics
from gateway.replay.judge import length_classes
from gateway.replay.pools import Pool
from gateway.replay.replay import ACTUAL, PRESENT, Latencies, Replayed, delay_of, rerun
from gateway.report.candidates import SETTINGS, Candidate, candidates
from gateway.report.saved import Case
from scheduler.sim.arms import Server

FIRST_PART = 0.6
"""Share of the compared requests on which a setting is chosen."""

OBJECTIVE, GUARD = "mean_per_token", "p99_e2e"

MOST_GUARD = 1.1
"""Largest p99 of the whole time, as a multiple of the present one, of a setting that is chosen."""

LEAST_GAIN = 0.02
"""Share of the objective below which a gain is not worth a change."""

_TIE = 0.005  # of two settings so near, the one that is listed first: the better known one

FEWEST = 100
"""Compared requests that each part needs."""

_TRIED = "candidate"


def advise(case: Case) -> dict[str, Any]:
    """The figures on other settings; ``verdict`` is "change", "keep" or "no_replay"."""
    replayed = case.replayed
    if replayed is None:
        return {"verdict": "no_replay"}
    early = _early(case, replayed)
    if min(early.sum(), (~early).sum()) < FEWEST:
        return {"verdict": "no_replay", "measured": len(early)}
    rows = list(_chosen_from(case, replayed, early))
    page: dict[str, Any] = {
        "chosen_on": int(early.sum()),
        "confirmed_on": int((~early).sum()),
        "tried": [row for _, row in rows],
    }
    fit = [(one, row) for one, row in rows if row["allowed"] and row["ratio"] <= 1 - LEAST_GAIN]
    if not fit:
        return page | {"verdict": "keep", "best": None}
    least = min(row["ratio"] for _, row in fit)
    best = next(one for one, row in fit if row["ratio"] <= least + _TIE)
    return page | _confirmed(case, replayed, best, ~early)


def _early(case: Case, replayed: Replayed) -> Flags:
    """Which of the compared requests are of the first part."""
    arrivals = _arrivals(case, replayed)
    return arrivals < np.quantile(arrivals, FIRST_PART) if len(arrivals) else np.zeros(0, bool)


def _arrivals(case: Case, replayed: Replayed) -> Any:
    seen = case.stretches.window.seen
    return np.array([seen[index].begun.arrival for index in replayed.requests])


def _chosen_from(
    case: Case, replayed: Replayed, early: Flags
) -> Iterator[tuple[Candidate, dict[str, Any]]]:
    """Each candidate with what the first part says of it: nothing later is replayed."""
    seen, until = case.stretches.window.seen, _arrivals(case, replayed)[~early].min()
    requests = [one for one, kept in zip(replayed.requests, early, strict=True) if kept]
    pools = [
        replace(pool, requests=[i for i in pool.requests if seen[i].begun.arrival < until])
        for pool in case.pools
    ]
    for pool, heeded in zip(pools, replayed.heeds, strict=True):
        pool.delay = delay_of(pool, seen, case.setup, heeded=heeded)

    def replayed_early(candidate: Candidate) -> Mapping[str, float]:
        found = _rerun(case, replayed, candidate, pools, requests)
        return statistics(found, np.ones(len(requests), dtype=np.bool_))

    present = replayed_early(Candidate({}))
    for one in candidates(case):
        found = replayed_early(one)
        guard = found[GUARD] / present[GUARD]
        yield (
            one,
            {
                "name": one.name,
                "ratio": found[OBJECTIVE] / present[OBJECTIVE],
                "p99_ratio": guard,
                "allowed": guard <= MOST_GUARD,
            },
        )


def _rerun(
    case: Case,
    replayed: Replayed,
    candidate: Candidate,
    pools: list[Pool],
    requests: Sequence[int],
) -> Latencies:
    changed = [
        replace(pool, servers=[_scaled(server, candidate.sequences) for server in pool.servers])
        for pool in pools
    ]
    policy = {**case.setup, **candidate.changes}
    return rerun(changed, case.stretches.window.seen, policy, replayed.heeds, requests)


def _scaled(server: Server, factor: float) -> Server:
    sequences = max(1, round(server.config.max_num_seqs * factor))
    budget = max(server.config.max_num_batched_tokens, sequences)
    config = replace(server.config, max_num_seqs=sequences, max_num_batched_tokens=budget)
    return replace(server, config=config)


def _confirmed(case: Case, replayed: Replayed, best: Candidate, late: Flags) -> dict[str, Any]:
    """What the rest of the log says of the chosen candidate."""
    found = _rerun(case, replayed, best, case.pools, replayed.requests)
    both = replace(replayed, arms={**replayed.arms, _TRIED: found})
    classes = {
        name: rows & late
        for name, rows in length_classes(replayed).items()
        if (rows & late).sum() >= 20
    }
    gains = {name: _gains(both, rows) for name, rows in classes.items()}
    objective, guard = gains["all"][OBJECTIVE], _ratio(both, late, GUARD)
    holds = is_worth_it(objective, guard)
    return {
        "verdict": "change" if holds else "keep",
        "best": best.name,
        "p99_ratio": guard,
        "gains": gains,
        "snippet": _snippet(best, case.setup) if holds else "",
    }


def is_worth_it(gain: Mapping[str, float], guard: float) -> bool:
    """Whether a gain is beyond chance and not small, and the p99 ratio ``guard`` is allowed."""
    return gain["low"] > 0 and gain["share"] >= LEAST_GAIN and guard <= MOST_GUARD


def _gains(replayed: Replayed, rows: Flags) -> dict[str, dict[str, float]]:
    """What each measure would gain, in seconds and as a share of what it was."""
    actual = statistics(replayed.arms[ACTUAL], rows)
    return {
        name: _gain(saving, actual[name])
        for name, saving in savings(replayed, _TRIED, rows).items()
    }


def _gain(saving: Saving, actual: float) -> dict[str, float]:
    """``savings`` tells what the present policy saves against the other one."""
    gain, low, high = -saving.seconds, -saving.high, -saving.low
    was = max(actual, 1e-9)
    shares = {"share": gain / was, "share_low": low / was, "share_high": high / was}
    return {"seconds": gain, "low": low, "high": high, **shares}


def _ratio(replayed: Replayed, rows: Flags, measure: str) -> float:
    new, present = (statistics(replayed.arms[arm], rows) for arm in (_TRIED, PRESENT))
    return new[measure] / present[measure]


def _snippet(best: Candidate, setup: Mapping[str, Any]) -> str:
    """The lines of the configuration that make the change."""
    if best.sequences != 1.0:
        lines = [
            f"  # {worker.id}: start vLLM with --max-num-seqs "
            f"{max(1, round(worker.slots * best.sequences))} and set max_num_seqs likewise"
            for worker in setup["workers"]
        ]
        return "\n".join(["workers:", *lines])
    lines = [f"  {SETTINGS[name].partition('.')[2]}: {v}" for name, v in best.changes.items()]
    return "\n".join(["scheduling:", *lines])
