"""A model of vLLM's V1 engine, step by step: who runs, on which KV blocks, for how long.

Follows ``vllm/v1/core/sched/scheduler.py`` and ``kv_cache_manager.py`` of vLLM 0.32, without prefix
caching, speculation and the one-step lag of asynchronous scheduling. Whoever drives it owns time:
the simulator adds up the durations, the emulator sleeps them.

A step does not touch the sequences that merely decode (see ``decoding.py``), so that its cost does
not grow with the batch; only a step in which memory or budget run out looks at each of them.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from operator import attrgetter

from scheduler.sim.costs import StepCosts
from scheduler.sim.decoding import Decoding
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.results import Progress, StepResult
from scheduler.sim.sequence import Sequence

__all__ = ["Engine", "EngineConfig", "Progress", "StepResult"]

Grants = list[tuple[Sequence, int]]
"""Prefills and the tokens of them that are computed in a step."""

_by_rank = attrgetter("rank")
_by_admission = attrgetter("admitted")


class Engine:
    """Continuous batching over paged KV blocks, with chunked prefill and recomputing preemption.

    Waiting requests never displace running ones. A waiting request is admitted when there is a slot
    and its whole context fits in the free blocks, though only a chunk of it may be computed at
    once. When a running one needs a block and none is free, the running request of highest
    (priority, arrival) loses its blocks and waits again; what it had generated is prefilled anew.
    """

    def __init__(
        self,
        config: EngineConfig | None = None,
        costs: StepCosts | None = None,
        *,
        report_every: int = 0,
    ) -> None:
        self.config = config or EngineConfig()
        self.costs = costs or StepCosts()
        self.free_blocks = self.config.num_blocks
        self.preemptions = 0
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self._watermark_blocks = int(self.config.watermark * self.config.num_blocks)
        self._arrivals = 0
        self._admissions = 0
        self._sequences: dict[str, Sequence] = {}
        self._running: dict[str, Sequence] = {}  # in the order of admission
        self._waiting: list[tuple[tuple[int, int], Sequence]] = []  # a heap
        self._decoding = Decoding(self.config.block_size, report_every)
        # A chunk is cut off by the end of the budget, so that nothing is admitted behind it: there
        # is one unfinished prefill at most, and it is the last of the running.
        self._prefilling: Sequence | None = None
        self._idle: list[Sequence] = []
        self._ended: list[Sequence] = []

    @property
    def running(self) -> int:
        """Requests in the batch."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Requests not admitted yet, preempted ones among them."""
        return len(self._waiting)

    @property
    def kv_usage(self) -> float:
        """Share of the KV blocks in use, 0 to 1."""
        return 1 - self.free_blocks / self.config.num_blocks

    def add(
        self, request_id: str, prompt_tokens: int, output_tokens: int, priority: int = 0
    ) -> None:
        """Queue a request that will emit exactly ``output_tokens``; the calls' order is arrival.

        With zero output tokens it ends with its prefill, as an embedding does. ``priority`` (lower
        first) counts under the policy "priority" only.

        Raises:
            ValueError: the id is in use, or the request could never fit the context or the cache.
        """
        if request_id in self._sequences:
            raise ValueError(f"request {request_id!r} is already in the engine")
        self.config.check_fits(prompt_tokens, output_tokens)
        by_priority = self.config.scheduling_policy == "priority"
        rank = (priority if by_priority else 0, self._arrivals)
        self._arrivals += 1
        sequence = Sequence(request_id, prompt_tokens, output_tokens, rank)
        self._sequences[request_id] = sequence
        heappush(self._waiting, (rank, sequence))

    def abort(self, request_id: str) -> bool:
        """Drop a request, waiting or running, and free its blocks; False if it is not here."""
        sequence = self._sequences.get(request_id)
        if sequence is None:
            return False
        if request_id in self._running:
            self._stop(sequence)
        else:
            self._waiting.remove((sequence.rank, sequence))
            heapify(self._waiting)
        del self._sequences[request_id]
        return True

    def step(self) -> StepResult:
        """Schedule one batch and run it: at most one token for each running request.

        Without work the duration is 0. It can also be 0 once while there is work: vLLM schedules
        nothing in a step in which the first running request preempts itself.
        """
        done = self.advance()
        idle = {sequence.request_id for sequence in self._idle}
        emitted = [s for s in self._running.values() if s.decodes and s.request_id not in idle]
        emitted += [s for s in self._ended if s.output_tokens]
        emitted.sort(key=_by_admission)
        return StepResult(
            done.duration, [s.request_id for s in emitted], done.finished, done.preempted
        )

    def advance(self) -> Progress:
        """``step`` without naming everyone who got a token: constant time while all decode."""
        preempted: list[str] = []
        grants: Grants = []
        self._idle = []
        budget = self._grant_all(grants)
        if budget < 0:
            budget = self._grant_one_by_one(grants, preempted)
        entered: list[str] = []
        if self._waiting and not preempted:
            self._admit_waiting(budget, grants, entered)
        return self._execute(grants, entered, preempted)

    def _grant_all(self, grants: Grants) -> int:
        """Grant tokens to all that run; -1, and nothing changed, if budget or blocks are short."""
        budget = self.config.max_num_batched_tokens - self._decoding.count
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

    def _grant_one_by_one(self, grants: Grants, preempted: list[str]) -> int:
        """Grant tokens in the order of admission, preempting where blocks are short."""
        budget = self.config.max_num_batched_tokens
        granted: dict[str, int] = {}
        for sequence in list(self._running.values()):
            if not budget or sequence.request_id in preempted:
                continue
            self._decoding.settle(sequence)
            tokens = min(sequence.missing, budget)
            blocks = self._growth(sequence, tokens)
            while blocks > self.free_blocks and sequence.request_id in self._running:
                victim = max(self._running.values(), key=_by_rank)
                used = granted.pop(victim.request_id, 0)
                budget += used
                self._preempt(victim, used)
                preempted.append(victim.request_id)
            if sequence.request_id not in self._running:
                break  # vLLM schedules nobody behind one that preempted itself
            self.free_blocks -= blocks
            granted[sequence.request_id] = tokens
            budget -= tokens
        for sequence in self._running.values():
            if sequence.request_id not in granted:
                self._idle.append(sequence)
            elif not sequence.decodes:
                grants.append((sequence, granted[sequence.request_id]))
        return budget

    def _admit_waiting(self, budget: int, grants: Grants, entered: list[str]) -> None:
        while self._waiting and budget > 0 and len(self._running) < self.config.max_num_seqs:
            sequence = self._waiting[0][1]
            # The watermark spares running requests; an idle engine has none and must admit.
            spare = self._watermark_blocks if self._running else 0
            if self.config.blocks_for(sequence.missing) + spare > self.free_blocks:
                return
            tokens = min(sequence.missing, budget)
            self.free_blocks -= self._growth(sequence, tokens)
            budget -= tokens
            heappop(self._waiting)
            if not sequence.admitted:
                entered.append(sequence.request_id)
            self._admissions += 1
            sequence.admitted = self._admissions
            self._running[sequence.request_id] = sequence
            grants.append((sequence, tokens))

    def _execute(self, grants: Grants, entered: list[str], preempted: list[str]) -> Progress:
        """Run the granted tokens through the model: price the step, emit, let the finished go."""
        decoding = self._decoding
        ended = decoding.tick(self._idle)
        batch, emitted, kv_tokens, prefill = decoding.count, decoding.count, decoding.kv_tokens, 0
        started: list[str] = []
        for sequence, tokens in grants:
            sequence.computed += tokens
            batch += 1
            kv_tokens += sequence.computed
            prefill += tokens
            if sequence.missing:
                self._prefilling = sequence
                continue
            self._prefilling = None
            emitted += self._sample(sequence, started, ended)
        for sequence in self._idle:
            if sequence is not self._prefilling:
                decoding.join(sequence)
        self.generated_tokens += emitted
        self._let_go(ended)
        # Of each sequence that emits one token is what any decode computes; the rest is prefill.
        prefill -= emitted - (batch - len(grants))
        return Progress(
            self.costs.price(batch, kv_tokens, prefill, len(entered)),
            entered,
            started,
            decoding.reached(),
            [sequence.request_id for sequence in ended],
            preempted,
        )

    def _sample(self, sequence: Sequence, started: list[str], ended: list[Sequence]) -> int:
        """A prefill is complete: the number of tokens (0 or 1) that it emits."""
        if sequence.generated == 0:
            self.prompt_tokens += sequence.prompt_tokens
            if sequence.output_tokens:
                started.append(sequence.request_id)
        emitted = 1 if sequence.output_tokens else 0
        sequence.generated += emitted
        if sequence.generated == sequence.output_tokens:
            ended.append(sequence)
        else:
            self._decoding.join(sequence)
        return emitted

    def _let_go(self, ended: list[Sequence]) -> None:
        if len(ended) > 1:
            ended.sort(key=_by_admission)
        for sequence in ended:
            self._stop(sequence)
            del self._sequences[sequence.request_id]
        self._ended = ended

    def _growth(self, sequence: Sequence, tokens: int) -> int:
        """Blocks that ``tokens`` more tokens of a sequence need."""
        blocks_for = self.config.blocks_for
        return blocks_for(sequence.computed + tokens) - blocks_for(sequence.computed)

    def _preempt(self, victim: Sequence, granted: int) -> None:
        """Back to waiting; blocks for ``granted`` tokens of this step were taken already."""
        self.free_blocks += self._growth(victim, granted) if granted else 0
        self._stop(victim)
        heappush(self._waiting, (victim.rank, victim))
        self.preemptions += 1

    def _stop(self, sequence: Sequence) -> None:
        """Take a running sequence out of the batch and free its blocks."""
        if sequence.decodes:
            self._decoding.leave(sequence)
        elif sequence is self._prefilling:
            self._prefilling = None
        del self._running[sequence.request_id]
        self.free_blocks += self.config.blocks_for(sequence.computed)
        sequence.computed = 0

    def check(self) -> None:
        """Assert what must hold between steps; tests call it after every one."""
        for sequence in self._running.values():
            self._decoding.settle(sequence)
        waiting = [sequence for _, sequence in self._waiting]
        assert self._running.keys() | {s.request_id for s in waiting} == self._sequences.keys()
        assert len(self._sequences) == len(self._running) + len(waiting)
        assert len(self._running) <= self.config.max_num_seqs
        assert self.free_blocks >= 0
        held = sum(self.config.blocks_for(s.computed) for s in self._running.values())
        assert held + self.free_blocks == self.config.num_blocks
        assert not any(s.computed for s in waiting)
        decoding = [s for s in self._running.values() if s.decodes]
        assert self._decoding.count == len(decoding)
        assert self._decoding.kv_tokens == sum(s.computed for s in decoding)
        partial = [s for s in self._running.values() if not s.decodes]
        assert partial == ([self._prefilling] if self._prefilling else [])
