"""Sequence: one request inside the engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Sequence:
    """One request inside the engine. All counts are tokens.

    ``rank`` orders waiting and, reversed, preemption. Under fcfs it is the arrival alone: what is
    preempted last arrived before everything that waits, so vLLM's "back to the head of the queue"
    and "by arrival" are the same order. ``admitted`` numbers the admissions (0: none yet).

    While it ``decodes``, ``generated`` and ``computed`` are not kept: they follow from ``origin``,
    see ``Decoding``.
    """

    request_id: str
    prompt_tokens: int
    output_tokens: int
    rank: tuple[int, int]
    generated: int = 0
    computed: int = 0
    admitted: int = 0
    origin: int = 0
    decodes: bool = False

    @property
    def missing(self) -> int:
        """Tokens of its context that are not computed yet; 1 while it decodes."""
        return self.prompt_tokens + self.generated - self.computed
