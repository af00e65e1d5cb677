"""CountedJob: what a worker's sums hold of one job."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scheduler.job import Job


@dataclass(slots=True)
class CountedJob:
    """A job in the worker's sums, as it was when so many tokens were attained."""

    job: Job
    attained: int = 0
    work: float = 0.0
    """Expected output tokens yet to come."""
    sequences: int = 0
    engine_key: float = -math.inf
    """Its key for the engine's own queue."""
