"""Retry-After: the seconds after which a refused client should send its request again."""

from __future__ import annotations

from collections import deque

RECENT = 256
"""Number of latest requests whose ends give the rate."""

QUEUE_SHARE = 0.1
"""Share of the queue that leaves before a refused client should return."""

LONGEST_S = 60
"""Upper bound of the answer by the length of the queue, in seconds."""

LONGEST_START_S = 3600
"""Upper bound of the answer by the work ahead of a request, in seconds."""


class QueueRetryAfter:
    """Estimates how fast the queue empties, from the rate at which recent requests ended."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=RECENT)

    def observe_end(self, now: float) -> None:
        """Count a request that ended at ``now`` (seconds)."""
        self._ends.append(now)

    def seconds(self, now: float, waiting: int) -> int:
        """Seconds until a tenth of ``waiting`` requests has left, from 1 to ``LONGEST_S``."""
        if len(self._ends) < 2:
            return 1
        rate = len(self._ends) / max(now - self._ends[0], 1e-3)
        return max(1, min(LONGEST_S, round(QUEUE_SHARE * waiting / rate)))


def start_seconds(seconds: float) -> int:
    """Whole seconds for a request that would start after so many, from 1 to an hour."""
    return max(1, min(LONGEST_START_S, round(seconds)))


def outage_seconds(probe_interval_s: float) -> int:
    """Seconds until the next probe of a worker, at least 1: a worker may then be back."""
    return max(1, round(probe_interval_s))
