"""The priority that a dispatched job carries into vLLM's own queue."""

from __future__ import annotations

PRIORITY_STEPS = 1000
"""vLLM's priority is an integer: the key in thousandths keeps the order to a millisecond."""


CLASS_STEPS = 10**12
"""Between two classes in vLLM's priority (64 bits): more than keys differ by in 15 years."""


def priority(urgency: int, key: float) -> int:
    """vLLM's ``priority``, lower first: the class before the key."""
    bound = CLASS_STEPS // 2 - 1
    return urgency * CLASS_STEPS + max(-bound, min(bound, round(key * PRIORITY_STEPS)))
