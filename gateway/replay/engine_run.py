"""One arm of a replay: a pool's requests before its engines, in virtual time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from gateway.replay.pools import Pool
from gateway.replay.seen import Seen
from scheduler.records import RequestRecord
from scheduler.sim.arms import STOCK, Arm
from scheduler.sim.request import Request
from scheduler.sim.simulator import simulate


class Row(NamedTuple):
    """Seconds of one request, and its preemptions; NaN for what it has not."""

    e2e: float
    ttft: float
    per_token: float
    preemptions: float
    start: float
    """From the dispatch to the first token."""


Rows = dict[int, Row]
"""By a request's index."""


def simulated(pool: Pool, seen: Sequence[Seen], arm: Arm) -> Rows:
    """The row of each request of a pool; of several sequences the last one's.

    A part of a log may have no request of a pool: its model may have come later.
    """
    if not pool.requests:
        return {}
    requests: list[Request] = []
    for index in pool.requests:
        requests += seen[index].requests(index)
    arrivals = [seen[request.number].begun.arrival for request in requests]
    begin = min(arrivals)
    arm = arm if arm.policy == STOCK else replace(arm, latency=pool.delay)
    outcome = simulate(requests, [at - begin for at in arrivals], pool.servers, arm)
    return {
        request.number: _row(record, seen[request.number], outcome.preempted[place])
        for place, (request, record) in enumerate(zip(requests, outcome.records, strict=True))
    }


def actual(one: Seen) -> Row:
    """What came of a request that has ended."""
    begun, ended = one.begun, one.ended
    assert ended is not None
    record = RequestRecord(
        begun.arrival,
        dispatched=ended.dispatched,
        first_token=ended.first_token,
        finished=ended.finished,
        output_tokens=ended.output_tokens,
    )
    return _row(record, one, 0)


def _row(record: RequestRecord, one: Seen, preempted: int) -> Row:
    streamed = one.ended is not None and one.ended.first_token is not None
    first = record.first_token if streamed else None
    ttft = None if first is None else record.ttft
    start = None if first is None or record.dispatched is None else first - record.dispatched
    values = (record.e2e, ttft, record.normalised_latency, float(preempted), start)
    return Row(*(math.nan if value is None else value for value in values))
