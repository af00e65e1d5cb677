"""A clock that an engine drives by what it writes: its seconds are those of a steady machine.

At a load near 1 a queue grows with the difference of two rates, and a machine that is a tenth
slower in one run than in the next makes every latency another. No loop beside the engine tells how
slow the engine itself is (over 198 seconds of a saturated engine the CPU time per token had a
coefficient of variation of 0.15; loops of arithmetic, of objects, of memory left 0.12 to 0.14 of
it). So the clock counts the engine's own steps: requests sent by it meet the load that is asked
for, and latencies told by it compare. Attention, prompts and what is computed again after a
preemption pass in no time, so it serves where arms differ in none of these; what an arm costs the
engine is told by CPU seconds per token.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from scheduler.costs import StepCosts
from tests.bench.engine_clock import Clock


class StepClock:
    """Seconds of the engine that ``costs`` describe, of which n sequences in a step are a line.

    While answers are being written, each token passes the n-th part of a step's time, n of them
    being written; else time is real.
    """

    def __init__(self, costs: StepCosts, real: Clock = time.monotonic) -> None:
        self._costs = costs
        self._real = real
        self._reading = 0.0
        self._idle_since: float | None = real()
        self._answers = 0

    def __call__(self) -> float:
        """The reading, in seconds; it never goes back."""
        if self._idle_since is not None:
            now = self._real()
            self._reading += now - self._idle_since
            self._idle_since = now
        return self._reading

    @contextmanager
    def answer(self) -> Iterator[Answer]:
        """An answer that a client waits for; what it tells of moves the clock."""
        answer = Answer(self)
        try:
            yield answer
        finally:
            if answer.tokens:
                self._change(-1)

    def write(self, tokens: int, *, first: bool) -> None:
        """An answer has so many more tokens, the ``first`` among them or not."""
        if first:
            self._change(1)
        costs = self._costs
        self._reading += tokens * (costs.base / self._answers + costs.per_sequence)

    def _change(self, by: int) -> None:
        self()
        self._answers += by
        self._idle_since = None if self._answers else self._real()


class Answer:
    """What a client has of one answer so far."""

    def __init__(self, clock: StepClock) -> None:
        self._clock = clock
        self.tokens = 0

    def chunk(self) -> None:
        """One more token, as far as the stream tells."""
        self.ends_at(self.tokens + 1)

    def ends_at(self, tokens: int) -> None:
        """The answer has ``tokens`` by now: chunks may hold several."""
        if tokens > self.tokens:
            self._clock.write(tokens - self.tokens, first=not self.tokens)
            self.tokens = tokens
