"""Fleet: watches the workers and tells the scheduler what they can take."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.backend import FAILURES, Backend, EngineReport
from gateway.config import Config
from gateway.dispatcher import Dispatcher
from scheduler.slots import LearnedSlots
from scheduler.worker import Worker

log = logging.getLogger("lengthwise")

ANY_MODEL = ""
"""What a request without a model asks for (a GET): every worker has it."""

DEFAULT_SLOTS = 256
"""For a server that neither says what it runs nor is configured: vLLM's own default."""

LEARNING_INTERVAL_S = 0.1
"""Between two looks at the load of a worker that may run more than it was sent."""


@dataclass(slots=True)
class _Watched:
    backend: Backend
    healthy: bool = False
    failures: int = 0
    scraped: float = -math.inf
    """When its models and load were last read, on the loop's clock."""
    slots: LearnedSlots = field(default_factory=LearnedSlots)
    suspected: asyncio.Event = field(default_factory=asyncio.Event)


class Fleet:
    """The workers, healthy or not."""

    def __init__(self, config: Config, backends: Iterable[Backend], dispatcher: Dispatcher) -> None:
        self._config = config
        self._dispatcher = dispatcher
        self._watched = {backend.id: _Watched(backend) for backend in backends}

    @property
    def backends(self) -> list[Backend]:
        """All workers' connections."""
        return [watched.backend for watched in self._watched.values()]

    def __getitem__(self, worker_id: str) -> Backend:
        return self._watched[worker_id].backend

    def healthy(self, worker_id: str) -> bool:
        """Whether requests are sent to that worker."""
        return self._watched[worker_id].healthy

    @property
    def ready(self) -> bool:
        """Whether any worker takes requests."""
        return any(watched.healthy for watched in self._watched.values())

    @property
    def all_known(self) -> bool:
        """Whether every worker has told its models, now or before it went down."""
        return all(watched.backend.models for watched in self._watched.values())

    def models(self) -> dict[str, dict[str, Any]]:
        """Every model's entry of ``/v1/models``, also of workers that are down now."""
        return {name: entry for b in reversed(self.backends) for name, entry in b.models.items()}

    def max_model_len(self, model: str) -> float:
        """The longest context any worker has for the model, in tokens."""
        lengths = [b.max_model_len(model) for b in self.backends if model in b.models]
        return max(lengths, default=math.inf)

    async def probe(self) -> None:
        """Probe every worker once."""
        await asyncio.gather(*map(self._probe, self._watched.values()))

    async def watch(self) -> None:
        """Probe every worker until cancelled."""
        async with asyncio.TaskGroup() as group:
            for watched in self._watched.values():
                group.create_task(self._watch(watched))

    def suspect(self, worker_id: str) -> None:
        """A request failed there: send nothing more until it has answered a probe."""
        watched = self._watched[worker_id]
        if watched.healthy:
            watched.healthy = False
            self._dispatcher.apply(self._dispatcher.scheduler.set_health(worker_id, False))
        watched.suspected.set()

    async def confirm(self, worker_id: str) -> bool:
        """Probe a worker that answered with a server error: is it itself broken?"""
        watched = self._watched[worker_id]
        await self._probe(watched)
        return watched.healthy

    async def _watch(self, watched: _Watched) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._probe(watched)
            due = loop.time() + self._config.health.interval_s
            while (left := due - loop.time()) > 0 and not watched.suspected.is_set():
                learning = self._is_learning(watched)
                await _wait(watched.suspected, min(left, LEARNING_INTERVAL_S) if learning else left)
                if learning:
                    await self._learn(watched)
            watched.suspected.clear()

    async def _probe(self, watched: _Watched) -> None:
        backend, now = watched.backend, asyncio.get_running_loop().time()
        # Reading the load costs the engine's CPU twenty times what /health does. An event loop's
        # timers are early by a hair: that must not cost a whole interval.
        due = watched.scraped + self._config.health.scrape_s - 0.5 * self._config.health.interval_s
        scrape = not watched.healthy or now >= due
        try:
            await backend.probe(self._config.health.timeout_s, scrape=scrape)
        except FAILURES as error:
            await self._failed(watched, error)
        except (KeyError, TypeError, ValueError) as error:
            log.warning("%s: /v1/models is not OpenAI's: %r", backend.id, error)
            await self._failed(watched, error)
        else:
            watched.failures = 0
            if not scrape:
                return
            watched.scraped = now
            if not watched.healthy:
                log.info("worker %s is ready, serving %s", backend.id, ", ".join(backend.models))
                watched.healthy, watched.slots = True, LearnedSlots()
            self._observe(watched)
            self._dispatcher.apply(self._dispatcher.scheduler.set_worker(self._worker(watched)))

    async def _failed(self, watched: _Watched, error: BaseException) -> None:
        """Count a failed probe; a slow answer is given time, a broken connection is not."""
        watched.failures += 1
        slow = isinstance(error, TimeoutError)
        if slow and watched.failures < self._config.health.failures:
            return
        if watched.failures == 1 or watched.healthy:
            log.warning("worker %s is down: %r", watched.backend.id, error)
        watched.healthy = False
        watched.backend.report = EngineReport()
        scheduler = self._dispatcher.scheduler
        if watched.backend.id in scheduler.workers:
            self._dispatcher.apply(scheduler.set_health(watched.backend.id, False))
        await watched.backend.drop_connections()

    def _worker(self, watched: _Watched) -> Worker:
        config, report = watched.backend.config, watched.backend.report
        slots = watched.slots.value if report.running is not None else DEFAULT_SLOTS
        return Worker(
            id=watched.backend.id,
            models=frozenset((*watched.backend.models, ANY_MODEL)),
            slots=config.max_num_seqs or slots,
            kv_tokens=config.kv_tokens or report.kv_tokens,
            engine_queue=max(self._config.scheduling.engine_queue, 0 if config.max_num_seqs else 1),
        )

    def _is_learning(self, watched: _Watched) -> bool:
        """Whether the worker is full by our count, others wait, and its real limit is unknown."""
        if watched.backend.config.max_num_seqs or not watched.healthy:
            return False
        scheduler = self._dispatcher.scheduler
        worker = scheduler.workers[watched.backend.id]
        unproven = watched.slots.value != watched.slots.most_running
        return bool(scheduler.waiting) and worker.sequences >= worker.slots and unproven

    async def _learn(self, watched: _Watched) -> None:
        try:
            async with asyncio.timeout(self._config.health.timeout_s):
                await watched.backend.scrape()
        except (*FAILURES, ValueError):  # ValueError: no Prometheus text
            watched.suspected.set()
            return
        self._observe(watched)
        worker = self._worker(watched)
        self._dispatcher.apply(self._dispatcher.scheduler.set_slots(worker.id, worker.slots))

    def _observe(self, watched: _Watched) -> None:
        report = watched.backend.report
        if report.running is not None and report.waiting is not None:
            watched.slots.observe(
                running=report.running, waiting=report.waiting, kv_usage=report.kv_usage or 0.0
            )


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
