"""Health: probes the workers, declares them healthy or down, and tells the scheduler."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from gateway.config.settings import Config
from gateway.config.workers import Health
from gateway.scheduling.dispatcher import Dispatcher
from gateway.supervisor import Supervisor
from gateway.workers.cooling import Cooling
from gateway.workers.engine_report import EngineReport
from gateway.workers.estimates import LearnedSlots
from gateway.workers.failures import FAILURES, Refused, reason, trouble
from gateway.workers.member import Member

log = logging.getLogger("lengthwise")

WATCH = "probe workers"
"""Name of the background task."""

READ_MODELS_S = 2.0
"""Seconds that a request for an unknown model waits for the workers' lists of models."""

LEARNING_INTERVAL_S = 0.05
"""Seconds between two readings of the load of a full worker whose slots are being learned. Each
time that they are confirmed, the next reading comes after twice as long, up to
``health.scrape_s``."""


class HealthMonitor:
    """Decides for each worker whether it is healthy. The scheduler follows at once."""

    def __init__(self, config: Config, dispatcher: Dispatcher, supervisor: Supervisor) -> None:
        self._config = config
        self._dispatcher = dispatcher
        self._supervisor = supervisor
        self.cooling = Cooling(self.respec)
        """What is told how workers treat requests."""
        self.news = asyncio.Event()
        """Set once when the next worker becomes ready; then there is a new event."""

    @property
    def _settings(self) -> Health:
        """The section in force: a reload of the configuration replaces it."""
        return self._config.health

    async def watch(self, member: Member) -> None:
        """Probe a worker at intervals, until the worker has left and its last request has ended."""
        loop, scheduler = asyncio.get_running_loop(), self._dispatcher.scheduler
        while not member.leaving or member.id in scheduler.workers or member.at_once:
            await self.probe(member)
            due = loop.time() + self._settings.interval_s
            while (left := due - loop.time()) > 0 and not member.probe_now.is_set():
                wait_s = min(left, LEARNING_INTERVAL_S) if member.learns else left
                await _wait(member.probe_now, wait_s)
                if member.is_learning(scheduler, loop.time()):
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
        """Probe a worker once, and update its health, its report and its spec.

        A probe that is in flight is shared: several that time out together are one timeout. A bug
        here leaves the worker as it is: this and all other workers stay watched.
        """
        before = member.probed
        async with member.probing:
            if member.probed != before:
                return
            with self._surviving(member):
                await self._probe(member)
            member.probed = monotonic()

    async def _probe(self, member: Member) -> None:
        now = asyncio.get_running_loop().time()
        # A reading of the load costs the engine's CPU twenty times as much as /health. Timers of
        # an event loop fire slightly early, which must not delay a reading by a whole interval.
        due = member.scraped + self._settings.scrape_s - 0.5 * self._settings.interval_s
        scrape = not member.healthy or now >= due
        try:
            await member.backend.probe(self._settings.timeout_s, scrape=scrape)
        except FAILURES as error:
            await self._failed(member, error)
        else:
            member.failures = 0
            if scrape:
                member.scraped = now
                if not member.stall.lasts(member.backend.report):
                    self._take_report(member)
                    await self._judge_progress(member, now)

    async def read_models(self, member: Member) -> None:
        """Read a healthy worker's models now. What fails here, the next probe judges."""
        try:
            await member.backend.read_models(min(self._settings.timeout_s, READ_MODELS_S))
        except FAILURES:
            return
        if member.healthy and not member.leaving:
            self.update_scheduler(member)

    def update_scheduler(self, member: Member) -> None:
        """Give the scheduler the worker's present spec and health."""
        scheduler = self._dispatcher.scheduler
        known = scheduler.workers.get(member.id)
        spec = member.spec(self._config.scheduling, known.sequences if known else 0)
        self._dispatcher.apply(scheduler.set_worker(spec, healthy=member.healthy))

    def respec(self, member: Member) -> None:
        """Give the scheduler the present spec of a worker, unless the worker is leaving."""
        if member.id in self._dispatcher.scheduler.workers and not member.leaving:
            self.update_scheduler(member)

    def _take_report(self, member: Member) -> None:
        if not member.healthy:
            log.info("worker %s is ready, serving %s", member.id, ", ".join(member.backend.models))
            if member.was_down:  # it may have come back with other limits
                member.slots = LearnedSlots()
            member.healthy, member.was_down = True, False
            member.problem = member.trouble = ""
            self.news.set()
            self.news = asyncio.Event()
        member.observe_load(self._dispatcher.scheduler)
        self._tell(member, member.backend.problem)
        if not member.leaving:  # set_worker would take a removed worker back
            self.update_scheduler(member)
            self._dispatcher.apply(member.observe_kv(self._dispatcher.scheduler))

    async def _failed(self, member: Member, error: BaseException) -> None:
        """Count a failed probe and declare the worker down.

        Timeouts count only after ``health.failures`` failed probes in a row: a worker may be busy.
        """
        member.failures += 1
        timeouts = self._settings.failures if isinstance(error, TimeoutError) else 1
        if member.failures < timeouts:
            return
        why = reason(error)
        if isinstance(error, TimeoutError):
            why = f"no answer within {self._settings.timeout_s:g} s (health.timeout_s)"
        # A server that refuses a probe, or lists odd models, still carries its streams.
        answers = isinstance(error, Refused) and error.status < 500
        member.trouble = trouble(error)
        await self._take_down(member, why, end_requests=not answers)

    async def _judge_progress(self, member: Member, now: float) -> None:
        """Declare a worker down whose engine runs sequences that do not grow."""
        report, exchanges = member.backend.report, member.backend.exchanges
        stalled_s, limit_s = member.stall.seconds(report, exchanges, now), self._settings.stall_s
        exchanges.end_lost()
        if not limit_s or stalled_s <= limit_s + exchanges.patience_s:
            return
        member.stall.found = True
        member.trouble = "has an engine that has stalled"
        await self._take_down(
            member,
            f"its engine has stalled: {report.running} sequences run, and for {stalled_s:.0f} s "
            "none has got a token (health.stall_s)",
        )

    async def _take_down(self, member: Member, why: str, *, end_requests: bool = True) -> None:
        """Take a worker out of use, and end its requests unless they may go on."""
        member.healthy, member.was_down = False, True
        self._tell(member, why)
        member.backend.report = EngineReport()
        self._set_health(member, False)
        if end_requests:
            await member.backend.drop_connections(f"the worker is down: {why}")

    def _tell(self, member: Member, problem: str) -> None:
        """Keep what is wrong with a worker for ``GET /ready``, and log it when it changes."""
        if problem and problem != member.problem:
            state = "" if member.healthy else " is down"
            log.warning("worker %s%s: %s", member.id, state, problem)
        member.problem = problem

    async def _learn_slots(self, member: Member) -> None:
        with self._surviving(member):
            await member.backend.scrape(self._settings.timeout_s)
            member.observe_load(self._dispatcher.scheduler)
            if times := min(member.slots.confirmed, 20):
                pause = min(LEARNING_INTERVAL_S * 2.0**times, self._settings.scrape_s)
                member.next_reading = asyncio.get_running_loop().time() + pause
            if not member.leaving:  # set_worker would take a removed worker back
                self.update_scheduler(member)

    def _set_health(self, member: Member, healthy: bool) -> None:
        if member.id not in self._dispatcher.scheduler.workers:
            return  # it leaves, and has only requests beside the queue
        self._dispatcher.apply(self._dispatcher.scheduler.set_health(member.id, healthy))

    @contextmanager
    def _surviving(self, member: Member) -> Iterator[None]:
        """A bug while a worker is read is told and counted, and ends no watch."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the worker stays watched
            # The text of an error may hold a key, and everyone may read GET /ready.
            problem = f"a bug of the gateway ({type(error).__name__}); its log has the trace"
            self._supervisor.failed(WATCH, member.id, log_it=problem != member.problem)
            member.problem = problem


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
