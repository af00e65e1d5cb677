"""A model of vLLM's V1 engine, step by step: the running requests, KV blocks and durations.

Follows ``vllm/v1/core/sched/scheduler.py`` and ``kv_cache_manager.py`` of vLLM 0.32, without prefix
caching, speculation and the one-step lag of asynchronous scheduling. The driver owns time: the
simulator adds up the durations, the emulator sleeps for them.

A step does not touch the sequences that only decode (see ``decoding.py``), so the cost of a step
does not grow with the batch. Only a step short of memory or budget looks at each sequence.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from scheduler.sim.batch import Batch, Grants
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.engine_sequence import EngineSequence
from scheduler.sim.step import StepEvents, StepTokens


class Engine:
    """Continuous batching over paged KV blocks, with chunked prefill and recomputing preemption.

    Waiting requests never displace running ones. A waiting request is admitted when a slot is free
    and its whole context fits in the free blocks, though a step may compute only a chunk of the
    context. A preempted request waits again, and its generated tokens are prefilled anew.

    Args:
        config: the engine's limits.
        costs: the duration of a step.
        report_every: ``advance`` reports a request at each multiple of so many tokens; 0 for never.
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
        self.preemptions = 0
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self._arrivals = 0
        self._sequences: dict[str, EngineSequence] = {}
        self._batch = Batch(self.config, report_every)
        self._waiting: list[tuple[tuple[int, int], EngineSequence]] = []  # a heap

    @property
    def running(self) -> int:
        """The number of requests in the batch."""
        return len(self._batch)

    @property
    def waiting(self) -> int:
        """The number of requests not in the batch, preempted ones included."""
        return len(self._waiting)

    @property
    def free_blocks(self) -> int:
        """The number of free KV blocks."""
        return self._batch.free_blocks

    @property
    def kv_usage(self) -> float:
        """Share of the KV blocks in use, 0 to 1."""
        return 1 - self.free_blocks / self.config.num_blocks

    def add(
        self, request_id: str, prompt_tokens: int, output_tokens: int, priority: int = 0
    ) -> None:
        """Queue a request; the order of the calls is the order of arrival.

        Args:
            request_id: unique in the engine.
            prompt_tokens: length of the prompt.
            output_tokens: exact length of the answer. With 0 the request ends with its prefill, as
                an embedding does.
            priority: lower first; only the scheduling policy "priority" uses it.

        Raises:
            ValueError: the id is in use, or the request could never fit the context or the cache.
        """
        if request_id in self._sequences:
            raise ValueError(f"request {request_id!r} is already in the engine")
        self.config.check_fits(prompt_tokens, output_tokens)
        by_priority = self.config.scheduling_policy == "priority"
        rank = (priority if by_priority else 0, self._arrivals)
        self._arrivals += 1
        sequence = EngineSequence(request_id, prompt_tokens, output_tokens, rank)
        self._sequences[request_id] = sequence
        heappush(self._waiting, (rank, sequence))

    def abort(self, request_id: str) -> bool:
        """Drop a request, waiting or running, and free its blocks; False if it is absent."""
        sequence = self._sequences.pop(request_id, None)
        if sequence is None:
            return False
        if request_id in self._batch:
            self._batch.stop(sequence)
        else:
            self._waiting.remove((sequence.rank, sequence))
            heapify(self._waiting)
        return True

    def step(self) -> StepTokens:
        """Schedule one batch and run it: at most one token for each running request.

        Without work the duration is 0. The duration can also be 0 once while there is work: vLLM
        schedules nothing in a step in which the first running request preempts itself.
        """
        events = self.advance()
        emitted = [sequence.request_id for sequence in self._batch.emitted()]
        return StepTokens(events.duration, emitted, events.finished, events.preempted)

    def advance(self) -> StepEvents:
        """``step`` without the ids of all emitting requests: constant time while all decode."""
        grants: Grants = []
        budget, preempted = self._batch.grant(grants)
        entered: list[str] = []
        if not preempted:
            self._admit_waiting(budget, grants, entered)
        for sequence in preempted:
            heappush(self._waiting, (sequence.rank, sequence))
        self.preemptions += len(preempted)
        work = self._batch.run(grants)
        self.generated_tokens += work.emitted
        self.prompt_tokens += work.prompt_tokens
        finished = [sequence.request_id for sequence in work.ended]
        for request_id in finished:
            del self._sequences[request_id]
        return StepEvents(
            self.costs.seconds(
                work.sequences, work.kv_tokens, work.prefill_tokens, entered=len(entered)
            ),
            entered,
            work.started,
            self._batch.reached(),
            finished,
            [sequence.request_id for sequence in preempted],
        )

    def _admit_waiting(self, budget: int, grants: Grants, entered: list[str]) -> None:
        while self._waiting and budget > 0 and self._batch.has_room(self._waiting[0][1]):
            _, sequence = heappop(self._waiting)
            tokens = min(sequence.missing, budget)
            budget -= tokens
            if not sequence.admitted:
                entered.append(sequence.request_id)
            self._batch.admit(sequence, tokens)
            grants.append((sequence, tokens))

    def check(self) -> None:
        """Assert the invariants between two steps."""
        self._batch.check()
        waiting = [sequence for _, sequence in self._waiting]
        assert all(s.request_id in self._batch or s in waiting for s in self._sequences.values())
        assert len(self._sequences) == len(self._batch) + len(waiting)
        assert not any(s.computed for s in waiting)
