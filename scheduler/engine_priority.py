"""The priority of a dispatched job in vLLM's own queue."""

from __future__ import annotations

import math
from dataclasses import dataclass

PRIORITY_STEPS = 1000
"""Steps of vLLM's integer priority per unit of the key: a key in seconds keeps its milliseconds."""

CLASS_STEPS = 10**12
"""Steps between two classes in vLLM's priority (64 bits). Two keys in seconds that lie 15 years
apart differ by fewer steps."""


def priority(urgency: int, key: float) -> int:
    """vLLM's ``priority`` of a job: the lowest goes first. The class counts before the key.

    Args:
        urgency: class of the job.
        key: key of the job; the part beyond half a class is cut off.
    """
    bound = CLASS_STEPS // 2 - 1
    return urgency * CLASS_STEPS + max(-bound, min(bound, round(key * PRIORITY_STEPS)))


@dataclass(slots=True)
class EngineKeys:
    """The keys of the jobs sent to one engine.

    Where slots are scarce, the engine fills a free slot with the job of the smallest key. Where KV
    memory is scarcer, the engine preempts the job of the largest key: then the keys rise from job
    to job, so that the latest job yields. By the policy's keys the longest job would yield, again
    and again, and lose the most work.
    """

    _latest: float = -math.inf

    def next(self, key: float, *, rising: bool) -> float:
        """The key of the next job, which has the policy's ``key``."""
        self._latest = max(key, self._latest) if rising else key
        return self._latest
