"""Watched: what is known of one worker, and how it stands to the scheduler."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from gateway.config.settings import Scheduling
from gateway.workers.backend import Backend
from gateway.workers.estimates import LearnedSlots, PrefixHits
from scheduler.actions import Action
from scheduler.kv_forecast import deviations_for
from scheduler.scheduler import Scheduler
from scheduler.worker_spec import KV_BLOCK, WorkerSpec

ANY_MODEL = ""
"""What a request without a model asks for (a GET): every worker has it."""

DEFAULT_SLOTS = 256
"""For a server that neither says what it runs nor is configured: vLLM's own default."""


@dataclass(slots=True)
class WatchedWorker:
    """A worker's connection, its health, and what it told. One ``leaving`` ends its work."""

    backend: Backend
    healthy: bool = False
    failures: int = 0
    scraped: float = -math.inf
    """When its models and load were last read, on the loop's clock."""
    leaving: bool = False
    watching: bool = False
    """Whether a task probes it."""
    slots: LearnedSlots = field(default_factory=LearnedSlots)
    hits: PrefixHits = field(default_factory=PrefixHits)
    suspected: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def takes_jobs(self) -> bool:
        """Whether it is healthy and gets new work."""
        return self.healthy and not self.leaving and not self.backend.config.draining

    def spec(self, settings: Scheduling) -> WorkerSpec:
        """The worker as configured and reported, for the scheduler."""
        config, report = self.backend.config, self.backend.report
        slots = self.slots.value if report.running is not None else DEFAULT_SLOTS
        return WorkerSpec(
            id=self.backend.id,
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
        """Learn from the report how many sequences the engine runs at once."""
        report = self.backend.report
        if report.running is not None and report.waiting is not None:
            self.slots.observe(
                running=report.running, waiting=report.waiting, kv_usage=report.kv_usage or 0.0
            )

    def observe_kv(self, scheduler: Scheduler) -> list[Action]:
        """Tell the scheduler what the engine's KV cache holds and how much of it is shared."""
        report, worker = self.backend.report, scheduler.workers[self.backend.id]
        self.hits.observe(report)
        if report.kv_usage is None or (capacity := worker.spec.kv_tokens) is None:
            return []
        return scheduler.observe_kv(worker.id, report.kv_usage * capacity, self.hits.rate)

    def is_learning(self, scheduler: Scheduler) -> bool:
        """Whether the worker is full by our count, others wait, and its real limit is unknown."""
        if self.backend.config.max_num_seqs or not self.takes_jobs:
            return False
        worker = scheduler.workers[self.backend.id]
        unproven = self.slots.value != self.slots.most_running
        return bool(scheduler.waiting) and worker.sequences >= worker.spec.slots and unproven
