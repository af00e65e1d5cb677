"""The priority of a dispatched job in vLLM's own queue."""

from __future__ import annotations

from collections.abc import Iterable

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


def rising_key(key: float, running: Iterable[float]) -> float:
    """The policy's ``key`` of a job, raised to the largest key of those ``running`` in the engine.

    An engine short of KV memory preempts the job of the largest key. With rising keys the latest
    job yields. By the policy's keys the longest job would yield, again and again, and lose the most
    work.
    """
    return max(key, max(running, default=key))
