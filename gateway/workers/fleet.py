"""Fleet: watches the workers and tells the scheduler what they can take."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from typing import Any

from gateway.config.settings import Config, WorkerConfig
from gateway.scheduling.dispatcher import Dispatcher
from gateway.workers.backend import FAILURES, Backend
from gateway.workers.engine_report import EngineReport
from gateway.workers.estimates import LearnedSlots
from gateway.workers.watched_worker import WatchedWorker

log = logging.getLogger("lengthwise")

LEARNING_INTERVAL_S = 0.1
"""Between two looks at the load of a worker that may run more than it was sent."""


class Fleet:
    """The workers, healthy or not, and those that leave until what runs there has ended."""

    def __init__(self, config: Config, dispatcher: Dispatcher) -> None:
        self._config = config
        self._dispatcher = dispatcher
        self._watched: dict[str, WatchedWorker] = {}
        self._joined = asyncio.Event()

    @property
    def backends(self) -> list[Backend]:
        """All workers' connections."""
        return [watched.backend for watched in self._watched.values()]

    def __getitem__(self, worker_id: str) -> Backend:
        return self._watched[worker_id].backend

    def healthy(self, worker_id: str) -> bool:
        """Whether that worker answers its probes."""
        return self._watched[worker_id].healthy

    def draining(self, worker_id: str) -> bool:
        """Whether that worker gets nothing new, because it is told to drain or leaves."""
        watched = self._watched[worker_id]
        return watched.leaving or watched.backend.config.draining

    @property
    def ready(self) -> bool:
        """Whether any worker takes requests."""
        return any(watched.takes_jobs for watched in self._watched.values())

    @property
    def all_known(self) -> bool:
        """Whether every worker, and there is one, has told its models, now or before."""
        return bool(self.backends) and all(backend.models for backend in self.backends)

    def models(self) -> dict[str, dict[str, Any]]:
        """Every model's entry of ``/v1/models``, also of workers that are down now."""
        return {name: entry for b in reversed(self.backends) for name, entry in b.models.items()}

    def max_model_len(self, model: str) -> float:
        """The longest context any worker has for the model, in tokens."""
        lengths = [b.max_model_len(model) for b in self.backends if model in b.models]
        return max(lengths, default=math.inf)

    # Members

    def set_members(self, workers: Iterable[WorkerConfig]) -> None:
        """Have exactly these workers; needs a running loop.

        New ones are probed and then used. Those that are here no more get nothing new, end what
        they run, and their connections are closed afterwards.
        """
        members = {Backend(config).id: config for config in workers}
        for worker_id, config in members.items():
            watched = self._watched.get(worker_id)
            if watched is None:
                self._join(config)
            elif watched.leaving or watched.backend.config != config:
                watched.leaving, watched.backend.config = False, config
                self._read_anew(watched)
        for worker_id, watched in self._watched.items():
            if worker_id not in members and not watched.leaving:
                self._leave(watched)

    def _join(self, config: WorkerConfig) -> None:
        backend = Backend(config)
        backend.open()
        self._watched[backend.id] = WatchedWorker(backend)
        self._joined.set()
        log.info("worker %s joins", backend.id)

    def _leave(self, watched: WatchedWorker) -> None:
        watched.leaving = True
        worker_id, scheduler = watched.backend.id, self._dispatcher.scheduler
        log.info("worker %s leaves: it gets nothing new and ends what it has", worker_id)
        if worker_id in scheduler.workers:
            self._dispatcher.apply(scheduler.remove_worker(worker_id))
        watched.suspected.set()  # look at it now

    def _read_anew(self, watched: WatchedWorker) -> None:
        if watched.backend.id in self._dispatcher.scheduler.workers:
            self._tell_scheduler(watched)
        watched.scraped = -math.inf
        watched.suspected.set()

    async def close(self) -> None:
        """Close every connection."""
        for backend in self.backends:
            await backend.close()

    # Health

    async def probe(self) -> None:
        """Probe every worker once."""
        await asyncio.gather(*map(self._probe, self._watched.values()))

    async def watch(self) -> None:
        """Probe every worker, those that join later too, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for watched in self._watched.values():
                    if not watched.watching:
                        watched.watching = True
                        group.create_task(self._watch(watched))
                self._joined.clear()
                await self._joined.wait()

    def suspect(self, worker_id: str) -> None:
        """A request failed there: send nothing more until it has answered a probe."""
        watched = self._watched[worker_id]
        if watched.healthy:
            watched.healthy = False
            self._dispatcher.apply(self._dispatcher.scheduler.set_health(worker_id, False))
        watched.suspected.set()

    async def still_healthy(self, worker_id: str) -> bool:
        """Probe a worker that answered with a server error: is it itself broken?"""
        watched = self._watched[worker_id]
        await self._probe(watched)
        return watched.healthy

    async def _watch(self, watched: WatchedWorker) -> None:
        loop, scheduler = asyncio.get_running_loop(), self._dispatcher.scheduler
        while not watched.leaving or watched.backend.id in scheduler.workers:
            await self._probe(watched)
            due = loop.time() + self._config.health.interval_s
            while (left := due - loop.time()) > 0 and not watched.suspected.is_set():
                learning = watched.is_learning(scheduler)
                await _wait(watched.suspected, min(left, LEARNING_INTERVAL_S) if learning else left)
                if learning:
                    await self._learn(watched)
            watched.suspected.clear()
        del self._watched[watched.backend.id]
        await watched.backend.close()
        log.info("worker %s has left", watched.backend.id)

    async def _probe(self, watched: WatchedWorker) -> None:
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
            if scrape:
                watched.scraped = now
                self._take_report(watched)

    def _take_report(self, watched: WatchedWorker) -> None:
        if not watched.healthy:
            names = ", ".join(watched.backend.models)
            log.info("worker %s is ready, serving %s", watched.backend.id, names)
            watched.healthy, watched.slots = True, LearnedSlots()
        watched.observe_load()
        if not watched.leaving:  # else the scheduler would take it back
            self._tell_scheduler(watched)
            self._dispatcher.apply(watched.observe_kv(self._dispatcher.scheduler))

    def _tell_scheduler(self, watched: WatchedWorker) -> None:
        spec, scheduler = watched.spec(self._config.scheduling), self._dispatcher.scheduler
        self._dispatcher.apply(scheduler.set_worker(spec, healthy=watched.healthy))

    async def _failed(self, watched: WatchedWorker, error: BaseException) -> None:
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

    async def _learn(self, watched: WatchedWorker) -> None:
        try:
            async with asyncio.timeout(self._config.health.timeout_s):
                await watched.backend.scrape()
        except (*FAILURES, ValueError):  # ValueError: no Prometheus text
            watched.suspected.set()
            return
        watched.observe_load()
        if not watched.leaving:
            self._tell_scheduler(watched)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
