"""The plan of a run: which worker misbehaves how and when. Drawn from the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """A way in which a worker misbehaves."""

    KILL = "killed"
    """SIGKILL; connections are refused until it is started again."""
    RESTART = "restarted"
    """SIGTERM, and started again at once."""
    FREEZE = "frozen"
    """SIGSTOP; connections are taken and nothing is answered."""
    HANG = "hung"
    """Good health, and no answer to a request for text."""
    STALL = "stalled"
    """Good health, and streams that stop in the middle."""
    SLOW = "slow"
    """Every piece of an answer is late."""
    BUSY = "busy"
    """429 or 503, some with Retry-After."""
    BROKEN = "broken"
    """500 at once."""
    RESET = "resetting"
    """The connection is reset instead of an answer."""
    CUT = "cutting"
    """Answers end in the middle."""
    LIE_USAGE = "lying about tokens"
    LIE_METRICS = "lying in /metrics"
    LIE_MODELS = "lying in /v1/models"


LEAST_S, MOST_S = 3.0, 11.0
"""Duration of a fault."""
REST_S = 10.0
"""Mean time between two faults of a worker."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of one worker; times in seconds from the start."""

    worker: int
    fault: Fault
    begin: float
    end: float


def plan(seed: int, workers: int, seconds: float) -> list[Planned]:
    """The faults of a run, by their beginnings.

    A worker has one fault at a time. The kinds come in an order drawn anew each time all have come,
    so none is left out of a run that is long enough.
    """
    rng = random.Random(seed)
    kinds = _kinds(rng)
    free = [2.0 + REST_S * worker / workers for worker in range(workers)]
    planned: list[Planned] = []
    while True:
        worker = min(range(workers), key=lambda number: free[number])
        begin = free[worker] + rng.expovariate(1 / REST_S)
        end = begin + rng.uniform(LEAST_S, MOST_S)
        if end > seconds:
            return sorted(planned, key=lambda fault: fault.begin)
        planned.append(Planned(worker, next(kinds), begin, end))
        free[worker] = end


def _kinds(rng: random.Random) -> Iterator[Fault]:
    while True:
        kinds = list(Fault)
        rng.shuffle(kinds)
        yield from kinds
