"""Arms: one policy with its settings in a comparison, in front of simulated engines."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from scheduler.job import REPORT_TOKENS, Job
from scheduler.kv_forecast import deviations_for
from scheduler.length import LengthDistribution
from scheduler.policy import AGEING, LEVEL, POLICIES
from scheduler.scheduler import Scheduler
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine_config import EngineConfig
from scheduler.sim.request import Request
from scheduler.traffic import FULL_CAUTION_SHARE
from scheduler.worker_spec import ENGINE_QUEUE, KV_OVERFLOW_PROBABILITY, WorkerSpec

STOCK = "stock"
"""Requests go straight into the engines, first come, first served, without the gateway."""

ORACLE = "oracle"
"""``sept`` with the true lengths as forecasts: the bound on what better forecasts could gain."""

NAMES = (STOCK, ORACLE, *POLICIES)
"""The policies that an arm may have."""


@dataclass(frozen=True, slots=True)
class Server:
    """A simulated engine: its limits and the costs of its steps."""

    config: EngineConfig
    costs: StepCosts = field(default_factory=StepCosts)

    @property
    def kv_tokens(self) -> int:
        """KV-cache capacity in tokens."""
        return self.config.num_blocks * self.config.block_size


@dataclass(frozen=True, slots=True)
class Arm:
    """A policy and the settings of the gateway that affect the policy.

    Args:
        policy: one of ``NAMES``.
        ageing: e-folds of length per turn of waiting.
        level: multiple of the usual length, as in ``sejf``.
        engine_queue: as in ``WorkerSpec``.
        priority: whether the engines run under ``--scheduling-policy priority`` and get the keys.
        report_every: output tokens between two reports of a request's progress to the scheduler.
        overflow: probability that the running jobs outgrow the KV cache, accepted by admission.
        full_caution: as in ``Scheduler``.
        forecast_kv: whether admission uses the KV forecast; False leaves only the slots.
        tenants: whether the requests' tenants share the engines fairly.
        latency: seconds from the scheduler's decision until the engine may take the request;
            ``engine_queue`` bridges this time. ``stock`` has no latency.
        kv_report_s: seconds between two of the engines' reports of their KV use; infinite: none.

    Raises:
        ValueError: the policy is unknown.
    """

    policy: str
    ageing: float = AGEING
    level: float = LEVEL
    engine_queue: int = ENGINE_QUEUE
    priority: bool = False
    report_every: int = REPORT_TOKENS
    overflow: float = KV_OVERFLOW_PROBABILITY
    full_caution: float = FULL_CAUTION_SHARE
    forecast_kv: bool = True
    tenants: bool = False
    latency: float = 0.0
    kv_report_s: float = math.inf

    def __post_init__(self) -> None:
        if self.policy not in NAMES:
            raise ValueError(f"unknown policy {self.policy!r}; known are {', '.join(NAMES)}")

    @property
    def ages(self) -> bool:
        """Whether the ageing rate makes a difference."""
        if self.policy in (STOCK, ORACLE):
            return self.policy == ORACLE
        make = POLICIES[self.policy]
        return make(0.0) != make(1.0)

    @property
    def levels(self) -> bool:
        """Whether the level makes a difference."""
        if self.policy in (STOCK, ORACLE):
            return False
        make = POLICIES[self.policy]
        return make(1.0, 0.5) != make(1.0, 1.0)

    @property
    def forecasts_kv(self) -> bool:
        """Whether admission uses a forecast that can be wrong, so that ``overflow`` matters."""
        return self.forecast_kv and self.policy not in (STOCK, ORACLE)

    def server(self, server: Server) -> Server:
        """The engine with the scheduling policy of this arm."""
        if not self.priority or self.policy == STOCK:
            return server
        return replace(server, config=replace(server.config, scheduling_policy="priority"))

    def scheduler(self, servers: Iterable[Server], models: frozenset[str]) -> Scheduler | None:
        """The scheduler in front of ``servers``, with workers "0", "1", ...; None for ``stock``."""
        if self.policy == STOCK:
            return None
        name = "sept" if self.policy == ORACLE else self.policy
        policy = POLICIES[name](self.ageing, self.level)
        scheduler = Scheduler(policy, max_waiting=10**9, full_caution=self.full_caution)
        for number, server in enumerate(servers):
            spec = WorkerSpec(
                id=str(number),
                models=models,
                slots=server.config.max_num_seqs,
                kv_tokens=server.kv_tokens if self.forecast_kv else None,
                engine_queue=self.engine_queue,
                kv_block=server.config.block_size,
                deviations=deviations_for(self.overflow),
            )
            scheduler.set_worker(spec)
        return scheduler

    def job(
        self, job_id: str, request: Request, now: float, length: LengthDistribution | None = None
    ) -> Job:
        """The job of a request that arrives ``now`` (seconds), as the scheduler gets it.

        ``length`` is the forecast; None stands for the request's own.
        """
        if self.policy == ORACLE:
            length = LengthDistribution.point(max(1, request.output_tokens))
        return Job(
            id=job_id,
            model=request.model,
            arrival=now,
            prompt_tokens=request.prompt_tokens,
            length=length or request.length,
            streams=request.streamed,
            tenant=request.tenant if self.tenants else "",
        )
