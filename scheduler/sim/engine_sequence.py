"""EngineSequence: one request inside the engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class EngineSequence:
    """One request inside the engine; all counts are tokens.

    While the sequence ``decodes``, ``generated`` and ``computed`` are outdated. ``Decoding.settle``
    brings both up to date.

    Args:
        request_id: unique in the engine.
        prompt_tokens: length of the prompt.
        output_tokens: length of the answer.
        rank: order of waiting and, reversed, of preemption. Under fcfs the rank is the arrival
            alone: a preempted sequence arrived before all waiting ones, so vLLM's "back to the head
            of the queue" and "by arrival" are the same order.
        generated: output tokens so far.
        computed: tokens whose KV is in the cache.
        admitted: number of the last admission, 0 before the first.
        origin: the clock of ``Decoding`` less ``generated``.
        decodes: whether the sequence is in ``Decoding``.
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
        """Tokens of the context yet to be computed; 1 for a decoding sequence."""
        return self.prompt_tokens + self.generated - self.computed
