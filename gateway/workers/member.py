"""Member: one worker of the fleet, with its connection, its health and its learned figures."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from time import monotonic

from gateway.config.scheduling import Scheduling
from gateway.scheduling.port import SchedulerPort
from gateway.workers.attempts import Attempts
from gateway.workers.backend import Backend
from gateway.workers.cooldown import Cooldown
from gateway.workers.estimates import DEFAULT_SLOTS, LearnedSlots, PrefixHits
from gateway.workers.stall import Stall
from scheduler.actions import Action
from scheduler.kv_forecast import deviations_for
from scheduler.kv_report import KvReport
from scheduler.worker_spec import KV_BLOCK, WorkerSpec

ANY_MODEL = ""
"""Model of a request without a model name (a GET): every worker serves this model."""


@dataclass(slots=True)
class Member:
    """One worker of the fleet."""

    backend: Backend
    rank: int = 0
    """Place among the workers, in the order in which they were configured or found."""
    healthy: bool = False
    was_down: bool = False
    """Whether a probe has found the worker down since it was last healthy."""
    failures: int = 0
    """Probes that failed in a row."""
    problem: str = ""
    """Why the worker is down, or what of its answers is ignored; "" for nothing."""
    trouble: str = "has not been seen yet"
    """Why the worker is down, in words for its clients; "" for no reason that is known."""
    scraped: float = -math.inf
    """Time of the last reading of models and load, on the event loop's clock in seconds."""
    next_reading: float = -math.inf
    """Time before which the load of a full worker is not read again, on the same clock."""
    leaving: bool = False
    """Whether the worker gets nothing new and leaves the fleet after its last request."""
    drained: bool = False
    """Whether an operator wants the worker to get nothing new."""
    probed: float = -math.inf
    """Time of the end of the last probe, whatever came of it, on the clock of ``monotonic``."""
    probing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the probe in flight."""
    watched: bool = False
    """Whether a task probes the worker."""
    slots: LearnedSlots = field(default_factory=LearnedSlots)
    prefix_hits: PrefixHits = field(default_factory=PrefixHits)
    stall: Stall = field(default_factory=Stall)
    cooldown: Cooldown = field(default_factory=Cooldown)
    attempts: Attempts = field(default_factory=Attempts)
    at_once: int = 0
    """Requests at the worker that the scheduler does not know: they generate nothing."""
    probe_now: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: the next probe does not wait for the interval to end."""

    @property
    def id(self) -> str:
        """The worker's name everywhere: its base URL."""
        return self.backend.id

    @property
    def draining(self) -> bool:
        """Whether the worker gets nothing new: it is configured or told so, or leaves."""
        return self.leaving or self.drained or self.backend.config.draining

    @property
    def takes_jobs(self) -> bool:
        """Whether the worker is healthy and gets new requests."""
        return self.healthy and not self.draining

    @property
    def cooling(self) -> bool:
        """Whether the worker has refused or failed requests, and its cooldown is not over."""
        return self.cooldown.left(monotonic()) > 0  # the event loop's clock

    @property
    def on_trial(self) -> bool:
        """Whether the worker gets one request at a time, after its cooldown."""
        return self.cooldown.on_trial(monotonic())

    @property
    def generates(self) -> bool:
        """Whether the engine had generated at its last reading, and has answered its probes."""
        return self.backend.exchanges.grew >= self.scraped > -math.inf and not self.failures

    def spec(self, settings: Scheduling, running: int = 0) -> WorkerSpec:
        """The worker as configured, reported and behaving, for the scheduler.

        ``running``: the sequences that the gateway has there.
        """
        config, report = self.backend.config, self.backend.report
        slots = config.max_num_seqs or (self.slots.value if self.slots.reported else DEFAULT_SLOTS)
        on_trial = self.on_trial
        return WorkerSpec(
            id=self.id,
            models=frozenset((*self.backend.models, ANY_MODEL)),
            slots=min(slots, self._trial_slots(running)) if on_trial else slots,
            kv_tokens=config.kv_tokens or report.kv_tokens,
            engine_queue=0 if on_trial else self._engine_queue(settings),
            kv_block=report.kv_block or KV_BLOCK,
            prefix_caching=report.prefix_caching is not False,
            speed=config.speed,
            draining=config.draining or self.drained,
            last_resort=self.cooling,
            rank=self.rank,
            deviations=deviations_for(settings.kv_overflow),
        )

    def _trial_slots(self, running: int) -> int:
        """Slots on trial: one for a new request, unless the request of the trial runs."""
        since = self.cooldown.until
        tried = any(attempt.begun >= since for attempt in self.attempts.running)
        return max(1, running if tried else running + 1)

    def _engine_queue(self, settings: Scheduling) -> int:
        """Sequences beyond the slots: one while the slots are learned, at least one to learn by."""
        if self.backend.config.max_num_seqs:
            return settings.engine_queue
        unproven = self.slots.reported and not self.slots.confirmed
        return 1 if unproven else max(settings.engine_queue, 1)

    def observe_load(self, scheduler: SchedulerPort) -> None:
        """Learn the number of slots from the engine's last report."""
        report, worker = self.backend.report, scheduler.workers.get(self.id)
        if report.running is not None and report.waiting is not None:
            self.slots.observe(
                running=report.running,
                waiting=report.waiting,
                kv_usage=report.kv_usage or 0.0,
                sent=worker.sequences if worker else 0,
                generated=report.generated,
            )

    def observe_kv(self, scheduler: SchedulerPort) -> list[Action]:
        """Tell the scheduler the engine's KV use and the share of prompt tokens found cached."""
        report, worker = self.backend.report, scheduler.workers[self.id]
        self.prefix_hits.observe(report)
        usage, capacity = report.kv_mean_usage, worker.spec.kv_tokens
        if usage is None or capacity is None:
            return []
        used = usage * capacity
        told = KvReport(used, self.prefix_hits.rate, settled=report.waiting == 0)
        return scheduler.observe_kv(worker.id, told)

    @property
    def learns(self) -> bool:
        """Whether the worker's slots are learned from its load."""
        known = self.backend.config.max_num_seqs or self.backend.report.running is None
        return self.takes_jobs and not known

    def is_learning(self, scheduler: SchedulerPort, now: float) -> bool:
        """Whether requests wait for a full worker whose load is to be read at ``now``.

        The more often the slots are confirmed, the more seldom they are read again.
        """
        if not self.learns or not scheduler.waiting or now < self.next_reading:
            return False
        worker = scheduler.workers.get(self.id)  # None: it leaves no more, and is probed next
        return worker is not None and worker.sequences >= worker.spec.slots
