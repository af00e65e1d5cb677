"""Member: one worker of the fleet, with its connection, its health and its learned figures."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from gateway.config.scheduling import Scheduling
from gateway.workers.backend import Backend
from gateway.workers.estimates import DEFAULT_SLOTS, LearnedSlots, PrefixHits
from scheduler.actions import Action
from scheduler.kv_forecast import deviations_for
from scheduler.kv_report import KvReport
from scheduler.scheduler import Scheduler
from scheduler.worker_spec import KV_BLOCK, WorkerSpec

ANY_MODEL = ""
"""Model of a request without a model name (a GET): every worker serves this model."""


@dataclass(slots=True)
class Member:
    """One worker of the fleet."""

    backend: Backend
    healthy: bool = False
    failures: int = 0
    """Probes that failed in a row."""
    scraped: float = -math.inf
    """Time of the last reading of models and load, on the event loop's clock in seconds."""
    leaving: bool = False
    """Whether the worker gets nothing new and leaves the fleet after its last request."""
    watched: bool = False
    """Whether a task probes the worker."""
    slots: LearnedSlots = field(default_factory=LearnedSlots)
    prefix_hits: PrefixHits = field(default_factory=PrefixHits)
    probe_now: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: the next probe does not wait for the interval to end."""

    @property
    def id(self) -> str:
        """The worker's name everywhere: its base URL."""
        return self.backend.id

    @property
    def draining(self) -> bool:
        """Whether the worker gets nothing new: ``draining`` is set, or the worker leaves."""
        return self.leaving or self.backend.config.draining

    @property
    def takes_jobs(self) -> bool:
        """Whether the worker is healthy and gets new requests."""
        return self.healthy and not self.draining

    def spec(self, settings: Scheduling) -> WorkerSpec:
        """The worker as configured and reported, for the scheduler."""
        config, report = self.backend.config, self.backend.report
        slots = self.slots.value if report.running is not None else DEFAULT_SLOTS
        return WorkerSpec(
            id=self.id,
            models=frozenset((*self.backend.models, ANY_MODEL)),
            slots=config.max_num_seqs or slots,
            kv_tokens=config.kv_tokens or report.kv_tokens,
            engine_queue=max(settings.engine_queue, 0 if config.max_num_seqs else 1),
            kv_block=report.kv_block or KV_BLOCK,
            speed=config.speed,
            draining=config.draining,
            deviations=deviations_for(settings.kv_overflow),
        )

    def observe_load(self) -> None:
        """Learn the number of slots from the engine's last report."""
        report = self.backend.report
        if report.running is not None and report.waiting is not None:
            self.slots.observe(
                running=report.running, waiting=report.waiting, kv_usage=report.kv_usage or 0.0
            )

    def observe_kv(self, scheduler: Scheduler) -> list[Action]:
        """Tell the scheduler the engine's KV use and the share of prompt tokens found cached."""
        report, worker = self.backend.report, scheduler.workers[self.id]
        self.prefix_hits.observe(report)
        usage, capacity = report.kv_mean_usage, worker.spec.kv_tokens
        if usage is None or capacity is None:
            return []
        used = usage * capacity
        told = KvReport(used, self.prefix_hits.rate, settled=report.waiting == 0)
        return scheduler.observe_kv(worker.id, told)

    def is_learning(self, scheduler: Scheduler) -> bool:
        """Whether requests wait for a full worker whose real number of slots is unknown."""
        if self.backend.config.max_num_seqs or not self.takes_jobs:
            return False
        worker = scheduler.workers[self.id]
        unproven = self.slots.value != self.slots.most_running
        return bool(scheduler.waiting) and worker.sequences >= worker.spec.slots and unproven
