"""The priority of a dispatched job in vLLM's own queue."""

from __future__ import annotations

PRIORITY_STEPS = 1000
"""Steps of vLLM's integer priority per unit of the key: a key in seconds keeps its milliseconds."""

CLASS_STEPS = 10**12
"""Distance of two classes in vLLM's priority (64 bits), more than keys differ in 15 years."""


def priority(urgency: int, key: float) -> int:
    """vLLM's ``priority``, lower first: the class before the key."""
    bound = CLASS_STEPS // 2 - 1
    return urgency * CLASS_STEPS + max(-bound, min(bound, round(key * PRIORITY_STEPS)))
