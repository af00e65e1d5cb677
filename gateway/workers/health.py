"""Health: probes the workers, declares them healthy or down, and tells the scheduler."""

from __future__ import annotations

import asyncio
import logging

from gateway.config.settings import Config
from gateway.scheduling.dispatcher import Dispatcher
from gateway.workers.backend import FAILURES
from gateway.workers.engine_report import EngineReport
from gateway.workers.estimates import LearnedSlots
from gateway.workers.member import Member

log = logging.getLogger("lengthwise")

LEARNING_INTERVAL_S = 0.1
"""Seconds between two readings of the load of a full worker whose slots are being learned."""


class HealthMonitor:
    """Decides for each worker whether it is healthy. The scheduler follows at once."""

    def __init__(self, config: Config, dispatcher: Dispatcher) -> None:
        self._settings = config.health
        self._scheduling = config.scheduling
        self._dispatcher = dispatcher

    async def watch(self, member: Member) -> None:
        """Probe a worker at intervals, until the worker has left and its last request has ended."""
        loop, scheduler = asyncio.get_running_loop(), self._dispatcher.scheduler
        while not member.leaving or member.id in scheduler.workers:
            await self.probe(member)
            due = loop.time() + self._settings.interval_s
            while (left := due - loop.time()) > 0 and not member.probe_now.is_set():
                learning = member.is_learning(scheduler)
                await _wait(member.probe_now, min(left, LEARNING_INTERVAL_S) if learning else left)
                if learning:
                    await self._learn_slots(member)
            member.probe_now.clear()

    def suspect(self, member: Member) -> None:
        """Take a worker that failed a request out of use, and probe the worker at once."""
        if member.healthy:
            member.healthy = False
            self._set_health(member, False)
        member.probe_now.set()

    async def still_healthy(self, member: Member) -> bool:
        """Probe a worker that answered with a server error; returns whether it is healthy."""
        await self.probe(member)
        return member.healthy

    async def probe(self, member: Member) -> None:
        """Probe a worker once, and update its health, its report and its spec."""
        now = asyncio.get_running_loop().time()
        # A reading of the load costs the engine's CPU twenty times as much as /health. Timers of
        # an event loop fire slightly early, which must not delay a reading by a whole interval.
        due = member.scraped + self._settings.scrape_s - 0.5 * self._settings.interval_s
        scrape = not member.healthy or now >= due
        try:
            await member.backend.probe(self._settings.timeout_s, scrape=scrape)
        except FAILURES as error:
            await self._failed(member, error)
        except (KeyError, TypeError, ValueError) as error:
            log.warning("worker %s: /v1/models is not OpenAI's: %r", member.id, error)
            await self._failed(member, error)
        else:
            member.failures = 0
            if scrape:
                member.scraped = now
                self._take_report(member)

    def update_scheduler(self, member: Member) -> None:
        """Give the scheduler the worker's present spec and health."""
        spec, scheduler = member.spec(self._scheduling), self._dispatcher.scheduler
        self._dispatcher.apply(scheduler.set_worker(spec, healthy=member.healthy))

    def _take_report(self, member: Member) -> None:
        if not member.healthy:
            log.info("worker %s is ready, serving %s", member.id, ", ".join(member.backend.models))
            member.healthy, member.slots = True, LearnedSlots()
        member.observe_load()
        if not member.leaving:  # set_worker would take a removed worker back
            self.update_scheduler(member)
            self._dispatcher.apply(member.observe_kv(self._dispatcher.scheduler))

    async def _failed(self, member: Member, error: BaseException) -> None:
        """Count a failed probe and declare the worker down.

        Timeouts count only after ``health.failures`` failed probes in a row: a worker may be busy.
        """
        member.failures += 1
        if isinstance(error, TimeoutError) and member.failures < self._settings.failures:
            return
        if member.failures == 1 or member.healthy:
            log.warning("worker %s is down: %r", member.id, error)
        member.healthy = False
        member.backend.report = EngineReport()
        if member.id in self._dispatcher.scheduler.workers:
            self._set_health(member, False)
        await member.backend.drop_connections()

    async def _learn_slots(self, member: Member) -> None:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await member.backend.scrape()
        except (*FAILURES, ValueError):  # ValueError: the text is not Prometheus text
            member.probe_now.set()
            return
        member.observe_load()
        if not member.leaving:  # set_worker would take a removed worker back
            self.update_scheduler(member)

    def _set_health(self, member: Member, healthy: bool) -> None:
        self._dispatcher.apply(self._dispatcher.scheduler.set_health(member.id, healthy))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
