"""Jobs, workers and memories to and from messages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gateway.remote_scheduler.front_messages import SetWorker
from gateway.remote_scheduler.states import JobState, MemoryState
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.rebuilt_scheduler import Memory
from scheduler.worker_spec import WorkerSpec


def job_state(job: Job) -> JobState:
    """A job for a message."""
    return JobState(
        job.model,
        job.arrival,
        job.prompt_tokens,
        list(job.length.tokens),
        list(job.length.mass),
        sequences=job.sequences,
        prompts=job.prompts,
        deadline=job.deadline,
        due=job.due,
        most_tokens=job.most_tokens,
        attained=job.attained,
        running=job.running,
        streams=job.streams,
        tenant=job.tenant,
        share=job.share,
        urgency=job.urgency,
        affinity=job.affinity,
        worker=job.worker,
        among=list(job.among),
        shuns=list(job.shuns),
        usual_tokens=job.usual_tokens,
        arrival_turns=job.arrival_turns,
    )


MOST_TOKENS = 2**30
"""Tokens of a length or a prompt that no request has; with them all sums of jobs stay exact."""

_SHARES = 1e-6, 1e6
"""Smallest and largest share of a tenant; the configuration allows 0.001 to 1000."""


def job_of(state: JobState, job_id: str, later_s: float) -> Job:
    """The job of a message; ``later_s``: how far this clock is ahead of the sender's.

    Raises:
        ValueError: a value is none that a job can have.
    """
    times = state.arrival, state.arrival_turns
    if not all(map(math.isfinite, times)) or math.isnan(state.deadline) or math.isnan(state.due):
        raise ValueError(f"a job has the times {times}, {state.deadline}, {state.due}")
    if not state.usual_tokens > 0 or not _SHARES[0] <= state.share <= _SHARES[1]:
        raise ValueError(f"a job has {state.usual_tokens} usual tokens, the share {state.share}")
    if state.prompt_tokens > MOST_TOKENS * state.prompts:
        raise ValueError(f"a job has {state.prompt_tokens} prompt tokens, above {MOST_TOKENS}")
    most = min(state.most_tokens, MOST_TOKENS)
    running = None if state.running is None else min(state.running, state.sequences)
    return Job(
        *(job_id, state.model, state.arrival + later_s, state.prompt_tokens),
        length_of(state.tokens, state.mass),
        *(state.sequences, state.prompts, state.deadline + later_s, state.due + later_s),
        *(most, min(state.attained, MOST_TOKENS), running, state.streams),
        *(state.tenant, state.share, state.urgency, state.affinity),
        *(state.worker, frozenset(state.among), frozenset(state.shuns)),
        *(state.usual_tokens, state.arrival_turns),
    )


def length_of(tokens: Sequence[float], mass: Sequence[float]) -> LengthDistribution:
    """The distribution of a length in a message.

    Raises:
        ValueError: the atoms are no distribution, or longer than ``MOST_TOKENS``.
    """
    length = LengthDistribution(tuple(tokens), tuple(mass))
    if length.tokens[-1] > MOST_TOKENS:
        raise ValueError(f"a length has {length.tokens[-1]} tokens, the most is {MOST_TOKENS}")
    return length


def worker_state(spec: WorkerSpec, *, healthy: bool) -> SetWorker:
    """A worker for a message."""
    return SetWorker(
        *(spec.id, sorted(spec.models), spec.slots, spec.kv_tokens, spec.engine_queue),
        *(spec.kv_block, spec.prefix_caching, spec.speed, spec.draining, spec.last_resort),
        *(spec.rank, spec.deviations, healthy),
    )


def spec_of(state: SetWorker) -> WorkerSpec:
    """The worker of a message.

    Raises:
        ValueError: a value is none that a worker can have.
    """
    if not math.isfinite(state.speed) or not math.isfinite(state.deviations):
        raise ValueError(f"worker {state.id[:200]}: speed {state.speed}, {state.deviations}")
    return WorkerSpec(
        *(state.id, frozenset(state.models), state.slots, state.kv_tokens, state.engine_queue),
        *(state.kv_block, state.prefix_caching, state.speed, state.draining, state.last_resort),
        *(state.rank, state.deviations),
    )


def memory_state(memory: Memory, now: float, epoch: int, number: int) -> MemoryState:
    """A scheduler's memory for a message."""
    return MemoryState(
        *(memory.turn_seconds, memory.turn_count, memory.turns, now - memory.latest),
        *(memory.of_models, memory.of_workers, memory.memory_scarcer, memory.shares),
        *(memory.counters, memory.counted, epoch, number),
    )


def memory_of(state: MemoryState, now: float) -> Memory:
    """The memory of a message.

    Raises:
        ValueError: a value is none that a scheduler can have learned.
    """
    means = (state.of_models, state.of_workers, state.memory_scarcer)
    numbers = [state.turn_seconds, state.turns, state.age_s, state.counted]
    numbers += [*state.shares.values(), *state.counters.values()]
    numbers += [mean for one in means for mean, _ in one.values()]
    if not all(map(math.isfinite, numbers)) or any(n < 1 for one in means for _, n in one.values()):
        raise ValueError("a memory has a value that is no number")
    if any(mean <= 0 for mean, _ in (*state.of_models.values(), *state.of_workers.values())):
        raise ValueError("a memory has a usual length that is not above 0")
    return Memory(
        *(state.turn_seconds, state.turn_count, state.turns, now - max(0.0, state.age_s)),
        of_models=state.of_models,
        of_workers=state.of_workers,
        memory_scarcer=state.memory_scarcer,
        shares=state.shares,
        counters=state.counters,
        counted=state.counted,
    )


def with_facts(spec: WorkerSpec, *, draining: bool, last_resort: bool) -> WorkerSpec:
    """A spec with what all fronts together say."""
    if (spec.draining, spec.last_resort) == (draining, last_resort):
        return spec
    return replace(spec, draining=draining, last_resort=last_resort)
