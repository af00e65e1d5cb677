"""Decoding: the sequences that get one token in every step, advanced all at once.

A clock counts the steps. A sequence has generated as many tokens as the clock is past the
sequence's origin. Ends and full blocks are indexed by the step in which they happen, so the cost of
a step depends on the number of these events, not on the number of sequences.
"""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.sim.engine_sequence import EngineSequence


class Decoding:
    """The decoding sequences of an engine: their number and their KV tokens.

    A sequence that has generated n tokens holds the KV of its prompt and of n - 1 tokens: the last
    token is sampled and not yet computed.

    Args:
        block_size: tokens in one KV block.
        report_every: ``reached`` names a sequence at each multiple of so many tokens; 0 for never.
    """

    def __init__(self, block_size: int, report_every: int) -> None:
        self.count = 0
        self.kv_tokens = 0
        self._clock = 0
        self._block_size = block_size
        self._report_every = report_every
        self._filling = [0] * block_size  # sequences by the step, modulo block size, of a new block
        self._ending: dict[int, list[EngineSequence]] = {}
        self._reports: list[dict[str, EngineSequence]] = [{} for _ in range(report_every)]

    def blocks_needed(self) -> int:
        """The number of blocks that the next step takes: one for each full last block."""
        return self._filling[self._clock % self._block_size]

    def join(self, sequence: EngineSequence) -> None:
        """Add a sequence whose context is computed except for the last token."""
        sequence.decodes = True
        sequence.origin = self._clock - sequence.generated
        self.count += 1
        self.kv_tokens += sequence.computed
        self._filling[self._phase(sequence)] += 1
        self._ending.setdefault(self._end(sequence), []).append(sequence)
        if self._report_every:
            self._reports[sequence.origin % self._report_every][sequence.request_id] = sequence

    def leave(self, sequence: EngineSequence) -> None:
        """Take a sequence out, with ``generated`` and ``computed`` up to date."""
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

    def settle(self, sequence: EngineSequence) -> None:
        """Bring ``generated`` and ``computed`` of a decoding sequence up to date."""
        if sequence.decodes:
            sequence.generated = self._clock - sequence.origin
            sequence.computed = sequence.prompt_tokens + sequence.generated - 1

    def tick(self, idle: Iterable[EngineSequence]) -> list[EngineSequence]:
        """Take the ``idle`` sequences out, and give each other sequence one token.

        The caller takes the blocks beforehand. Returns the sequences that now have all tokens.
        """
        for sequence in idle:
            if sequence.decodes:
                self.leave(sequence)
        self._clock += 1
        self.kv_tokens += self.count
        return self._ending.get(self._clock, [])[:]

    def reached(self) -> list[tuple[str, int]]:
        """Ids of the sequences that just reached a multiple of ``report_every``, with tokens."""
        if not self._report_every:
            return []
        clock = self._clock
        due = self._reports[clock % self._report_every]
        return [(name, clock - sequence.origin) for name, sequence in due.items()]

    def _phase(self, sequence: EngineSequence) -> int:
        # A step takes a new block if ``computed`` is a multiple of the block size before the step.
        return (1 + sequence.origin - sequence.prompt_tokens) % self._block_size

    def _end(self, sequence: EngineSequence) -> int:
        return sequence.origin + sequence.output_tokens
