"""Batch: the running sequences of an engine, their KV blocks, and one step of their computation."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter

from scheduler.sim.decoding import Decoding
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.engine_sequence import EngineSequence

Grants = list[tuple[EngineSequence, int]]
"""Prefilling sequences, each with the number of its tokens that the step computes."""

_by_rank = attrgetter("rank")
_by_admission = attrgetter("admitted")


@dataclass(slots=True)
class Work:
    """The work of one step, and the sequences that the step started and ended.

    ``kv_tokens`` is the context of all sequences, ``prefill_tokens`` the tokens beyond the one
    token that each emitting sequence computes in any case, ``prompt_tokens`` the length of the
    prompts that are complete for the first time.
    """

    sequences: int
    kv_tokens: int
    emitted: int
    prefill_tokens: int = 0
    prompt_tokens: int = 0
    started: list[str] = field(default_factory=list)
    ended: list[EngineSequence] = field(default_factory=list)


class Batch:
    """The running sequences in the order of admission, over a fixed number of KV blocks.

    When a sequence needs a block and no block is free, the running sequence of highest rank loses
    its blocks and leaves the batch.
    """

    def __init__(self, config: EngineConfig, report_every: int) -> None:
        self.free_blocks = config.num_blocks
        self._config = config
        self._watermark_blocks = int(config.watermark * config.num_blocks)
        self._admissions = 0
        self._running: dict[str, EngineSequence] = {}
        self._decoding = Decoding(config.block_size, report_every)
        # A prefill stays unfinished only if it uses up the step's token budget. No sequence is
        # admitted after such a prefill, so at most one running sequence, the last, is prefilling.
        self._prefilling: EngineSequence | None = None
        self._idle: list[EngineSequence] = []
        self._ended: list[EngineSequence] = []

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._running

    def emitted(self) -> list[EngineSequence]:
        """The sequences that got a token in the last step, in the order of admission."""
        idle = {sequence.request_id for sequence in self._idle}
        emitted = [s for s in self._running.values() if s.decodes and s.request_id not in idle]
        emitted += [s for s in self._ended if s.output_tokens]
        return sorted(emitted, key=_by_admission)

    def reached(self) -> list[tuple[str, int]]:
        """The sequences whose progress is to be reported: id, tokens."""
        return self._decoding.reached()

    def grant(self, grants: Grants) -> tuple[int, list[EngineSequence]]:
        """Grant tokens and blocks to the running sequences.

        Returns the rest of the step's token budget, and the preempted sequences.
        """
        self._idle = []
        budget = self._grant_all(grants)
        return (budget, []) if budget >= 0 else self._grant_one_by_one(grants)

    def _grant_all(self, grants: Grants) -> int:
        """Grant tokens to every running sequence, and return the rest of the budget.

        Returns -1 and changes nothing if budget or blocks are short.
        """
        budget = self._config.max_num_batched_tokens - self._decoding.count
        blocks = self._decoding.blocks_needed()
        if budget < 0 or blocks > self.free_blocks:
            return -1
        if (sequence := self._prefilling) is not None:
            tokens = min(sequence.missing, budget)
            blocks += self._growth(sequence, tokens)
            if blocks > self.free_blocks:
                return -1
            if tokens:
                grants.append((sequence, tokens))
                budget -= tokens
        self.free_blocks -= blocks
        return budget

    def _grant_one_by_one(self, grants: Grants) -> tuple[int, list[EngineSequence]]:
        """Grant tokens in the order of admission, preempting where blocks are short."""
        budget = self._config.max_num_batched_tokens
        granted: dict[str, int] = {}
        preempted: list[EngineSequence] = []
        for sequence in list(self._running.values()):
            if not budget or sequence in preempted:
                continue
            self._decoding.settle(sequence)
            tokens = min(sequence.missing, budget)
            blocks = self._growth(sequence, tokens)
            while blocks > self.free_blocks and sequence not in preempted:
                victim = max(self._running.values(), key=_by_rank)
                used = granted.pop(victim.request_id, 0)
                budget += used
                self._preempt(victim, used)
                preempted.append(victim)
            if sequence in preempted:
                break  # vLLM schedules nobody behind a sequence that preempted itself
            self.free_blocks -= blocks
            granted[sequence.request_id] = tokens
            budget -= tokens
        for sequence in self._running.values():
            if sequence.request_id not in granted:
                self._idle.append(sequence)
            elif not sequence.decodes:
                grants.append((sequence, granted[sequence.request_id]))
        return budget, preempted

    def has_room(self, sequence: EngineSequence) -> bool:
        """Whether a waiting sequence has a slot, and blocks for its whole context."""
        if len(self._running) >= self._config.max_num_seqs:
            return False
        # The watermark protects running sequences; an engine without running sequences admits.
        spare = self._watermark_blocks if self._running else 0
        return self._config.blocks_for(sequence.missing) + spare <= self.free_blocks

    def admit(self, sequence: EngineSequence, tokens: int) -> None:
        """Take a sequence into the batch, with blocks for its first ``tokens``."""
        self.free_blocks -= self._growth(sequence, tokens)
        self._admissions += 1
        sequence.admitted = self._admissions
        self._running[sequence.request_id] = sequence

    def run(self, grants: Grants) -> Work:
        """Compute a step: each decoding sequence and each completed prefill emits one token."""
        decoding = self._decoding
        ended = decoding.tick(self._idle)
        work = Work(decoding.count, decoding.kv_tokens, decoding.count, ended=ended)
        for sequence, tokens in grants:
            sequence.computed += tokens
            work.sequences += 1
            work.kv_tokens += sequence.computed
            work.prefill_tokens += tokens
            if sequence.missing:
                self._prefilling = sequence
            else:
                self._prefilling = None
                self._sample(sequence, work)
        for sequence in self._idle:
            if sequence is not self._prefilling:
                decoding.join(sequence)
        if len(ended) > 1:
            ended.sort(key=_by_admission)
        for sequence in ended:
            self.stop(sequence)
        self._ended = ended
        return work

    def _sample(self, sequence: EngineSequence, work: Work) -> None:
        """Emit the first token of a completed prefill, or end a request without output."""
        if sequence.generated == 0:
            work.prompt_tokens += sequence.prompt_tokens
            if sequence.output_tokens:
                work.started.append(sequence.request_id)
        if sequence.output_tokens:
            sequence.generated += 1
            work.emitted += 1
            work.prefill_tokens -= 1
        if sequence.generated == sequence.output_tokens:
            work.ended.append(sequence)
        else:
            self._decoding.join(sequence)

    def _growth(self, sequence: EngineSequence, tokens: int) -> int:
        """The number of blocks that ``tokens`` more tokens of a sequence need."""
        blocks_for = self._config.blocks_for
        return blocks_for(sequence.computed + tokens) - blocks_for(sequence.computed)

    def _preempt(self, victim: EngineSequence, granted: int) -> None:
        """Stop a sequence that has taken blocks for ``granted`` tokens of this step."""
        self.free_blocks += self._growth(victim, granted) if granted else 0
        self.stop(victim)

    def stop(self, sequence: EngineSequence) -> None:
        """Take a sequence out of the batch and free its blocks."""
        if sequence.decodes:
            self._decoding.leave(sequence)
        elif sequence is self._prefilling:
            self._prefilling = None
        del self._running[sequence.request_id]
        self.free_blocks += self._config.blocks_for(sequence.computed)
        sequence.computed = 0

    def check(self) -> None:
        """Assert the invariants between two steps."""
        running = self._running.values()
        for sequence in running:
            self._decoding.settle(sequence)
        assert len(running) <= self._config.max_num_seqs
        assert self.free_blocks >= 0
        held = sum(self._config.blocks_for(s.computed) for s in running)
        assert held + self.free_blocks == self._config.num_blocks
        decoding = [s for s in running if s.decodes]
        assert self._decoding.count == len(decoding)
        assert self._decoding.kv_tokens == sum(s.computed for s in decoding)
        partial = [s for s in running if not s.decodes]
        assert partial == ([self._prefilling] if self._prefilling else [])
