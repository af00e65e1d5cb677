"""Decoding: the sequences that get one token in every step, advanced all at once.

A clock counts the steps; what a sequence has generated is the clock less its origin. Who ends and
who needs a block is found by the time at which it happens, so a step costs what happens in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.sim.sequence import Sequence


class Decoding:
    """The decoding sequences of an engine.

    ``count`` is their number, ``kv_tokens`` the KV tokens they hold together. A sequence that has
    generated n tokens holds those of its prompt and n - 1: the last is sampled, not yet computed.
    """

    def __init__(self, block_size: int, report_every: int) -> None:
        self.count = 0
        self.kv_tokens = 0
        self._clock = 0
        self._block_size = block_size
        self._report_every = report_every
        self._filling = [0] * block_size  # sequences by the time, modulo block size, of a new block
        self._ending: dict[int, list[Sequence]] = {}
        self._reports: list[dict[str, Sequence]] = [{} for _ in range(report_every)]

    def blocks_needed(self) -> int:
        """Blocks that the next tick takes: of those whose last block is full."""
        return self._filling[self._clock % self._block_size]

    def join(self, sequence: Sequence) -> None:
        """A sequence decodes from now on: its context is computed but for the last token."""
        sequence.decodes = True
        sequence.origin = self._clock - sequence.generated
        self.count += 1
        self.kv_tokens += sequence.computed
        self._filling[self._phase(sequence)] += 1
        self._ending.setdefault(self._end(sequence), []).append(sequence)
        if self._report_every:
            self._reports[sequence.origin % self._report_every][sequence.request_id] = sequence

    def leave(self, sequence: Sequence) -> None:
        """It stops decoding; ``generated`` and ``computed`` are brought up to date."""
        self.settle(sequence)
        sequence.decodes = False
        self.count -= 1
        self.kv_tokens -= sequence.computed
        self._filling[self._phase(sequence)] -= 1
        ending = self._ending[self._end(sequence)]
        ending.remove(sequence)
        if not ending:
            del self._ending[self._end(sequence)]
        if self._report_every:
            del self._reports[sequence.origin % self._report_every][sequence.request_id]

    def settle(self, sequence: Sequence) -> None:
        """Bring ``generated`` and ``computed`` of a sequence up to date, if it decodes."""
        if sequence.decodes:
            sequence.generated = self._clock - sequence.origin
            sequence.computed = sequence.prompt_tokens + sequence.generated - 1

    def tick(self, idle: Iterable[Sequence]) -> list[Sequence]:
        """One token for each but the ``idle``, who leave; returns those that have all of theirs.

        The blocks are the caller's to take before.
        """
        for sequence in idle:
            if sequence.decodes:
                self.leave(sequence)
        self._clock += 1
        self.kv_tokens += self.count
        return self._ending.get(self._clock, [])[:]

    def reached(self) -> list[tuple[str, int]]:
        """Who has just generated a multiple of ``report_every`` tokens, and how many."""
        if not self._report_every:
            return []
        clock = self._clock
        due = self._reports[clock % self._report_every]
        return [(name, clock - sequence.origin) for name, sequence in due.items()]

    def _phase(self, sequence: Sequence) -> int:
        # It needs a block at a tick before which ``computed`` is a multiple of the block size.
        return (1 + sequence.origin - sequence.prompt_tokens) % self._block_size

    def _end(self, sequence: Sequence) -> int:
        return sequence.origin + sequence.output_tokens
