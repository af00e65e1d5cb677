"""Pauses between two messages of a stream, in which entries come together."""

from __future__ import annotations

LONGEST_S = 0.01
"""Seconds of a pause at most."""

PART = 1 / 500
"""Of a usual answer's time, that a pause takes at most: a place at a worker that has become free
stays so for two pauses at most, one for each direction."""


def pause_s(waiting: int, turn_seconds: float) -> float:
    """Seconds between two messages, while so many jobs wait and an answer usually takes so long.

    A message costs both processes more than its entries do. Where nothing waits it goes at once: a
    new job would start at once. In a queue a job waits for many answers to end, and a hundredth of
    a second is nothing.
    """
    return min(LONGEST_S, turn_seconds * PART) if waiting else 0.0
