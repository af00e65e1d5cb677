"""Pools: workers that share their models, with the requests of these models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.replay.seen import Seen
from gateway.replay.step_costs import learned_costs
from gateway.shadow.records import WorkerLimits
from scheduler.sim.arms import Server
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig

BATCHED_TOKENS = 2048
"""Token budget of a step. vLLM does not publish it; this is its usual default."""

_CONTEXT = 131_072
"""Context of a worker that does not tell it."""

_MOST_BLOCKS = 2**40
"""KV blocks of a worker that does not tell them."""

LEAST_DELAY_S = 0.005
"""Seconds from a decision of the gateway to the engine and back, at least: HTTP on one machine."""

FEWEST_OF_A_WORKER = 100
"""Answers from which on a worker has costs of its own. Below, its pool's answers count."""


class UnlikeWorkersError(ValueError):
    """Workers serve some of their models together and others alone: no one queue fits them."""


@dataclass(slots=True)
class Pool:
    """Workers of the same models, and the indexes of their requests among all of a window."""

    workers: list[WorkerLimits]
    requests: list[int] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    fit_error: float = 0.0
    factor: float = 1.0
    """By how much the costs were scaled after they were learned."""
    delay: float = LEAST_DELAY_S
    """Seconds from a decision of the gateway to the engines and back."""

    def scale(self, factor: float, learned: Sequence[Server]) -> None:
        """Let every step take ``factor`` times as long as on the ``learned`` servers."""
        self.factor = factor
        self.servers = [Server(one.config, one.costs.scaled(factor)) for one in learned]

    @property
    def costs(self) -> StepCosts:
        """The step costs of the first worker."""
        return self.servers[0].costs


def pools(workers: Sequence[WorkerLimits], seen: Sequence[Seen]) -> list[Pool]:
    """The pools that have requests. Requests for models that nobody serves now are in none.

    Raises:
        UnlikeWorkersError: two workers share a model but not all models.
    """
    found: dict[frozenset[str], Pool] = {}
    by_model: dict[str, Pool] = {}
    for worker in workers:
        models = frozenset(worker.models)
        pool = found.setdefault(models, Pool([]))
        pool.workers.append(worker)
        for model in models:
            if by_model.setdefault(model, pool) is not pool:
                raise UnlikeWorkersError(f"workers of the model {model!r} serve different models")
    for index, one in enumerate(seen):
        if (having := by_model.get(one.begun.model)) is not None:
            having.requests.append(index)
    return [pool for pool in found.values() if pool.requests]


def equip(pool: Pool, seen: Sequence[Seen], costs: StepCosts | None = None) -> bool:
    """Give the pool its servers, these costs or learned ones; False if too little has been seen."""
    if costs is not None:
        pool.servers = [Server(_limits(worker), costs) for worker in pool.workers]
        return True
    own = [seen[index] for index in pool.requests]
    shared = learned_costs(own)
    if shared is None:
        return False
    by_worker: dict[str, list[Seen]] = {}
    for one in own:
        if one.ended is not None:
            by_worker.setdefault(one.ended.worker, []).append(one)
    fits = [_of_worker(worker, by_worker, shared) for worker in pool.workers]
    pool.servers = [
        Server(_limits(worker), costs)
        for worker, (costs, _) in zip(pool.workers, fits, strict=True)
    ]
    pool.fit_error = max(error for _, error in fits)
    return True


def _of_worker(
    worker: WorkerLimits, by_worker: Mapping[str, list[Seen]], shared: tuple[StepCosts, float]
) -> tuple[StepCosts, float]:
    own = by_worker.get(worker.id, [])
    return (len(own) >= FEWEST_OF_A_WORKER and learned_costs(own)) or shared


def _limits(worker: WorkerLimits) -> EngineConfig:
    block = worker.kv_block
    return EngineConfig(
        max_num_seqs=worker.slots,
        num_blocks=max(1, worker.kv_tokens // block) if worker.kv_tokens else _MOST_BLOCKS,
        block_size=block,
        max_num_batched_tokens=max(BATCHED_TOKENS, worker.slots),
        max_model_len=worker.max_model_len or _CONTEXT,
    )
