"""Arms: what stands before the engines in a simulation, by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from scheduler.job import Job
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
"""First come, first served, straight into the engines: nothing of ours."""

ORACLE = "oracle"
"""``sept`` told the true lengths, in order and admission: what better forecasts could bring."""

NAMES = (STOCK, ORACLE, *POLICIES)


@dataclass(frozen=True, slots=True)
class Server:
    """An engine's limits and what its steps cost."""

    config: EngineConfig
    costs: StepCosts = field(default_factory=StepCosts)

    @property
    def kv_tokens(self) -> int:
        """KV-cache capacity in tokens."""
        return self.config.num_blocks * self.config.block_size


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to serve: a policy and the settings of the gateway that matter to it.

    ``ageing`` is in nats per turn, ``level`` over the usual length, ``engine_queue`` as
    ``WorkerSpec.engine_queue``, ``overflow`` the probability of an outgrown KV cache that admission
    accepts, ``full_caution`` as in ``Scheduler``. With ``priority`` the engines run under
    ``--scheduling-policy priority`` and are sent the keys. ``report_every`` is the number of tokens
    after which the scheduler hears of a request's progress again. With ``tenants`` the requests'
    own count, and each gets its share. ``latency`` is the seconds from the decision to send a
    request until the engine may take it (0 for ``stock``): what ``engine_queue`` bridges.

    Raises:
        ValueError: there is no such policy.
    """

    policy: str
    ageing: float = AGEING
    level: float = LEVEL
    engine_queue: int = ENGINE_QUEUE
    priority: bool = False
    report_every: int = 32
    overflow: float = KV_OVERFLOW_PROBABILITY
    full_caution: float = FULL_CAUTION_SHARE
    forecast_kv: bool = True
    tenants: bool = False
    latency: float = 0.0

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
        """Whether admission goes by a forecast that can be wrong, so that ``overflow`` matters."""
        return self.forecast_kv and self.policy not in (STOCK, ORACLE)

    def server(self, server: Server) -> Server:
        """The engine as this arm runs it."""
        if not self.priority or self.policy == STOCK:
            return server
        return replace(server, config=replace(server.config, scheduling_policy="priority"))

    def scheduler(self, servers: Iterable[Server], models: frozenset[str]) -> Scheduler | None:
        """The scheduler before ``servers``, its workers "0", "1", ...; None for ``stock``."""
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

    def job(self, job_id: str, request: Request, now: float) -> Job:
        """What the scheduler is told of a request that arrives ``now``."""
        length = request.length
        if self.policy == ORACLE:
            length = LengthDistribution.point(max(1, request.output_tokens))
        return Job(
            id=job_id,
            model=request.model,
            arrival=now,
            prompt_tokens=request.prompt_tokens,
            length=length,
            tenant=request.tenant if self.tenants else "",
        )
