"""Replay: the requests of a window under the present policy, fcfs and stock, in virtual time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gateway.calibrate.robust import Array
from gateway.replay.delay import delay
from gateway.replay.engine_run import Rows, actual, simulated
from gateway.replay.pools import LEAST_DELAY_S, Pool
from gateway.replay.root import Root
from gateway.replay.seen import Seen, Window
from scheduler.sim.arms import STOCK, Arm

PRESENT, FCFS = "present", "fcfs"
ACTUAL = "actual"
BASELINES = (FCFS, STOCK)
"""What the present policy is compared with."""

SCALINGS = 5
"""Times that step costs are corrected by a replay of the present policy, at most."""

MOST_SCALING, SCALED_ENOUGH = 2.0, 0.01
"""Largest factor of a correction; and by how much latencies may be off without another."""

FEWEST_SCALED = 30
"""Measured requests of a pool from which on its step costs are corrected."""

_SETTINGS = ("engine_queue", "priority", "overflow", "tenants", "kv_report_s")
"""Settings of the gateway that hold under every policy."""


@dataclass(slots=True)
class Latencies:
    """A column of each field of ``Row``, over the measured requests."""

    e2e: Array
    ttft: Array
    per_token: Array
    preemptions: Array
    start: Array


@dataclass(slots=True)
class Replayed:
    """The latencies of each measured request in each arm, in the order of the arrivals.

    ``requests`` are the indexes of these requests in the window. ``heeds``: whether the engines of
    each pool seem to heed priorities. ``cost_factors``: by how much the learned step costs of each
    pool were scaled, so that the present policy takes as long as it took.
    """

    output_tokens: Array
    requests: Sequence[int]
    heeds: Sequence[bool]
    cost_factors: Sequence[float]
    arms: dict[str, Latencies] = field(default_factory=dict)


def arms(policy: Mapping[str, Any]) -> dict[str, Arm]:
    """The present policy with its settings, and the baselines."""
    shared = {name: policy[name] for name in _SETTINGS}
    present = Arm(policy["policy"], ageing=policy["ageing"], level=policy["level"], **shared)
    return {PRESENT: present, FCFS: Arm("fcfs", **shared), STOCK: Arm(STOCK)}


def replay(window: Window, pools: Sequence[Pool], policy: Mapping[str, Any]) -> Replayed:
    """Simulate every arm on each pool, with steps as long as the latencies that came show."""
    seen, measured = window.seen, window.measured
    chosen = [index for pool in pools for index in pool.requests if measured[index]]
    chosen.sort()
    tokens = np.array([seen[index].output_tokens for index in chosen], dtype=float)
    runs = [_present(pool, seen, policy) for pool in pools]
    heeds = [arm[PRESENT].priority for arm, _ in runs]
    replayed = Replayed(tokens, chosen, heeds, [pool.factor for pool in pools])
    replayed.arms[ACTUAL] = _actual([seen[index] for index in chosen])
    for name in (PRESENT, *BASELINES):
        rows = {
            index: row
            for pool, (arm, present) in zip(pools, runs, strict=True)
            for index, row in (
                present if name == PRESENT else simulated(pool, seen, arm[name])
            ).items()
        }
        replayed.arms[name] = _latencies(rows, chosen)
    return replayed


def rerun(
    pools: Sequence[Pool],
    seen: Sequence[Seen],
    policy: Mapping[str, Any],
    heeds: Sequence[bool],
    requests: Sequence[int],
) -> Latencies:
    """The latencies of ``requests`` under another policy, on engines that ``replay`` has fitted."""
    rows: Rows = {}
    for pool, heeded in zip(pools, heeds, strict=True):
        rows |= simulated(pool, seen, arms({**policy, "priority": heeded})[PRESENT])
    return _latencies(rows, requests)


def delay_of(pool: Pool, seen: Sequence[Seen], policy: Mapping[str, Any], *, heeded: bool) -> float:
    """Seconds of the pool's ``delay``, read from its own requests under the present policy."""
    arm = arms({**policy, "priority": heeded})[PRESENT]
    return delay(simulated(replace(pool, delay=LEAST_DELAY_S), seen, arm), seen)


def _latencies(rows: Rows, requests: Sequence[int]) -> Latencies:
    return Latencies(*np.array([rows[index] for index in requests], dtype=float).T)


def _present(
    pool: Pool, seen: Sequence[Seen], policy: Mapping[str, Any]
) -> tuple[dict[str, Arm], Rows]:
    """The pool's arms, and the rows of the present policy.

    Nobody tells whether an engine heeds the priorities that it gets: what comes nearer to the
    latencies that came is taken to be so.
    """
    heeds = (True, False) if policy["priority"] else (False,)
    found = [arms({**policy, "priority": heeded}) for heeded in heeds]
    tried = [(one, simulated(pool, seen, one[PRESENT])) for one in found]
    chosen, rows = min(tried, key=lambda one: _distance(one[1], seen))
    pool.delay = delay(rows, seen)
    if pool.delay > LEAST_DELAY_S:
        rows = simulated(pool, seen, chosen[PRESENT])
    return chosen, _scaled(pool, seen, chosen[PRESENT], rows)


def _distance(rows: Rows, seen: Sequence[Seen]) -> float:
    """Seconds by which the whole times of measured requests are off, summed."""
    return float(
        np.nansum(
            [
                abs(row.e2e - (one.ended.finished - one.begun.arrival))
                for index, row in rows.items()
                if (one := seen[index]).measured and one.ended is not None
            ]
        )
    )


def _scaled(pool: Pool, seen: Sequence[Seen], present: Arm, rows: Rows) -> Rows:
    """``rows`` of the present policy, or those after step costs were scaled.

    Near its capacity an engine's queue grows by the little that it is too slow, so that costs which
    are off by 3 % are latencies which are off by 15 %, under every policy alike. Costs are
    therefore scaled until the replay of the present policy takes as long as it took. The best
    trial counts, since one more is not always a better one.
    """
    measured = [index for index in pool.requests if seen[index].measured]
    if len(measured) < FEWEST_SCALED:
        return rows
    came = max(sum(_e2e(seen[index]) for index in measured), 1e-9)
    root, place, learned = Root(math.log(MOST_SCALING)), 0.0, pool.servers
    best, kept = math.inf, (pool.factor, pool.servers, rows)
    for trial in range(SCALINGS + 1):
        if trial:
            pool.scale(math.exp(place), learned)
            rows = simulated(pool, seen, present)
        took = float(np.nansum([rows[index].e2e for index in measured]))
        off = math.log(max(took, 1e-9) / came)
        if abs(off) < best:
            best, kept = abs(off), (pool.factor, pool.servers, rows)
        if abs(off) < SCALED_ENOUGH:
            break
        place = root.next(place, off)
    pool.factor, pool.servers, rows = kept
    return rows


def _e2e(one: Seen) -> float:
    """Seconds from arrival to the end."""
    return 0.0 if one.ended is None else one.ended.finished - one.begun.arrival


def _actual(seen: Sequence[Seen]) -> Latencies:
    return Latencies(*np.array([actual(one) for one in seen], dtype=float).T)
