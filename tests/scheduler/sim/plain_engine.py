"""The engine model in the structure of vLLM's code: every step looks at every sequence.

This is the reference for ``scheduler.sim.engine``, which does the same in constant time.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from operator import attrgetter

from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.step import StepTokens

_by_rank = attrgetter("rank")


@dataclass(slots=True, eq=False)
class PlainSequence:
    """As ``EngineSequence``, with the blocks that it holds and the tokens of the present step."""

    request_id: str
    prompt_tokens: int
    output_tokens: int
    rank: tuple[int, int]
    generated: int = 0
    computed: int = 0
    blocks: int = 0
    scheduled: int = 0


class PlainEngine:
    """The engine of ``scheduler.sim.engine``, with the same methods."""

    def __init__(self, config: EngineConfig | None = None, costs: StepCosts | None = None) -> None:
        self.config = config or EngineConfig()
        self.costs = costs or StepCosts()
        self.free_blocks = self.config.num_blocks
        self.preemptions = 0
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self._watermark_blocks = int(self.config.watermark * self.config.num_blocks)
        self._arrivals = 0
        self._sequences: dict[str, PlainSequence] = {}
        self._running: list[PlainSequence] = []
        self._waiting: list[PlainSequence] = []
        self._known: set[str] = set()

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
        """See ``Engine.add``."""
        if request_id in self._sequences:
            raise ValueError(f"request {request_id!r} is already in the engine")
        if prompt_tokens < 1 or output_tokens < 0:
            raise ValueError(f"need a prompt and no negative output, got {prompt_tokens}")
        total = prompt_tokens + output_tokens
        if total > self.config.max_model_len:
            raise ValueError(f"{total} tokens exceed max_model_len {self.config.max_model_len}")
        # The last token is sampled and never attended to: it takes no place in the cache.
        needed = self.config.blocks_for(max(prompt_tokens, total - 1))
        if needed > self.config.num_blocks:
            raise ValueError(f"needs {needed} KV blocks, the cache has {self.config.num_blocks}")
        by_priority = self.config.scheduling_policy == "priority"
        rank = (priority if by_priority else 0, self._arrivals)
        self._arrivals += 1
        sequence = PlainSequence(request_id, prompt_tokens, output_tokens, rank)
        self._sequences[request_id] = sequence
        insort(self._waiting, sequence, key=_by_rank)

    def abort(self, request_id: str) -> bool:
        """See ``Engine.abort``."""
        sequence = self._sequences.pop(request_id, None)
        if sequence is None:
            return False
        position = bisect_left(self._waiting, sequence.rank, key=_by_rank)
        if position < len(self._waiting) and self._waiting[position] is sequence:
            del self._waiting[position]
        else:
            self._running.remove(sequence)
            self._free(sequence)
        return True

    def step(self) -> StepTokens:
        """See ``Engine.step``."""
        preempted: list[str] = []
        budget = self._schedule_running(preempted)
        if not preempted:
            self._admit_waiting(budget)
        return self._execute(preempted)

    def _schedule_running(self, preempted: list[str]) -> int:
        """Grant tokens to running requests; returns what is left of the step's budget."""
        budget = self.config.max_num_batched_tokens
        block_size = self.config.block_size
        index = 0
        while index < len(self._running) and budget > 0:
            sequence = self._running[index]
            missing = sequence.prompt_tokens + sequence.generated - sequence.computed
            tokens = missing if missing < budget else budget
            while sequence.computed + tokens > sequence.blocks * block_size:
                if self._grow(sequence, tokens):
                    break
                victim = max(self._running, key=_by_rank)
                index -= self._running.index(victim) < index
                budget += victim.scheduled
                self._preempt(victim)
                preempted.append(victim.request_id)
                if victim is sequence:
                    return budget
            sequence.scheduled = tokens
            budget -= tokens
            index += 1
        return budget

    def _admit_waiting(self, budget: int) -> None:
        while self._waiting and budget > 0 and len(self._running) < self.config.max_num_seqs:
            sequence = self._waiting[0]
            context = sequence.prompt_tokens + sequence.generated
            # The watermark spares running requests; an idle engine has none and must admit.
            spare = self._watermark_blocks if self._running else 0
            if self.config.blocks_for(context) + spare > self.free_blocks:
                return
            sequence.scheduled = min(context, budget)
            self._grow(sequence, sequence.scheduled)
            budget -= sequence.scheduled
            del self._waiting[0]
            self._running.append(sequence)

    def _execute(self, preempted: list[str]) -> StepTokens:
        """Run the granted tokens through the model: price the step, emit, let the finished go."""
        emitted: list[str] = []
        finished: list[PlainSequence] = []
        batch = computed = kv_tokens = entered = 0
        for sequence in self._running:
            tokens = sequence.scheduled
            if not tokens:
                continue
            sequence.scheduled = 0
            sequence.computed += tokens
            batch += 1
            entered += sequence.request_id not in self._known
            self._known.add(sequence.request_id)
            computed += tokens
            kv_tokens += sequence.computed
            if sequence.computed < sequence.prompt_tokens + sequence.generated:
                continue
            if sequence.generated == 0:
                self.prompt_tokens += sequence.prompt_tokens
            if sequence.output_tokens:
                sequence.generated += 1
                emitted.append(sequence.request_id)
            if sequence.generated == sequence.output_tokens:
                finished.append(sequence)
        self.generated_tokens += len(emitted)
        for sequence in finished:
            self.abort(sequence.request_id)
        # Of each sequence that emits one token is what any decode computes; the rest is prefill.
        duration = self.costs.seconds(batch, kv_tokens, computed - len(emitted), entered)
        return StepTokens(duration, emitted, [s.request_id for s in finished], preempted)

    def _grow(self, sequence: PlainSequence, tokens: int) -> bool:
        """Give ``sequence`` the blocks for ``tokens`` more; False if they are not free."""
        missing = self.config.blocks_for(sequence.computed + tokens) - sequence.blocks
        if missing > self.free_blocks:
            return False
        self.free_blocks -= missing
        sequence.blocks += missing
        return True

    def _preempt(self, victim: PlainSequence) -> None:
        self._running.remove(victim)
        self._free(victim)
        insort(self._waiting, victim, key=_by_rank)
        self.preemptions += 1

    def _free(self, sequence: PlainSequence) -> None:
        self.free_blocks += sequence.blocks
        sequence.blocks = sequence.computed = sequence.scheduled = 0
