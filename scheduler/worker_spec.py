"""WorkerSpec: the properties of one vLLM server, and the limits up to which it gets jobs."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.kv_forecast import deviations_for

ENGINE_QUEUE = 2
"""Sequences that an engine may hold beyond its slots, by default."""

KV_BLOCK = 16
"""Tokens in a KV block of vLLM, by default."""

KV_OVERFLOW_PROBABILITY = 0.05
"""Default probability, by the forecasts, that the running jobs outgrow the KV cache: the scheduler
sends a worker more jobs up to this probability."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """One worker as configured and reported. A change replaces the whole spec.

    Args:
        id: the worker's name in every call and action of the scheduler.
        models: the models that the worker serves.
        slots: the engine's limit of concurrent sequences (vLLM's ``max_num_seqs``).
        kv_tokens: capacity of the KV cache in tokens, None if unknown.
        engine_queue: sequences that the engine may hold beyond its slots. The engine fills a free
            slot from this queue in the very next step.
        kv_block: tokens in one KV block.
        prefix_caching: whether sequences that go on from one prompt share its KV memory.
        speed: the worker's rate relative to the other workers' rates.
        draining: whether the worker gets no new jobs and ends the jobs it has.
        rank: of workers with equal work the one of the lowest rank gets a job.
        last_resort: whether the worker gets new jobs only where no other worker may take them: it
            has just refused some.
        deviations: the KV peak that must fit the cache is the expected peak plus so many standard
            deviations; see ``deviations_for``.
    """

    id: str
    models: frozenset[str]
    slots: int
    kv_tokens: int | None = None
    engine_queue: int = ENGINE_QUEUE
    kv_block: int = KV_BLOCK
    prefix_caching: bool = True
    speed: float = 1.0
    draining: bool = False
    last_resort: bool = False
    rank: int = 0
    deviations: float = deviations_for(KV_OVERFLOW_PROBABILITY)
