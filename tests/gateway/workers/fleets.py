"""A fleet without an application: a dispatcher, and members that have been probed once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from gateway.config.settings import Config
from gateway.metrics import Metrics
from gateway.scheduling.build_scheduler import make_scheduler
from gateway.scheduling.dispatcher import Dispatcher
from gateway.supervisor import Supervisor
from gateway.workers.fleet import Fleet
from scheduler.scheduler import Scheduler
from tests.gateway.in_process import scheduler_of


@dataclass(frozen=True, slots=True)
class Wing:
    """The fleet and the dispatcher that it tells."""

    fleet: Fleet
    dispatcher: Dispatcher

    @property
    def scheduler(self) -> Scheduler:
        """The dispatcher's scheduler."""
        return scheduler_of(self.dispatcher)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Probe the members in the background for the length of the block."""
        task = asyncio.create_task(self.fleet.watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def fleet_of(*urls: str, **settings: Any) -> AsyncIterator[Wing]:
    """The fleet of the workers at these URLs; ``settings`` are sections of the configuration."""
    settings.setdefault("workers", [{"url": url} for url in urls])
    config = Config.model_validate(settings)
    dispatcher = Dispatcher(make_scheduler(config))
    fleet = Fleet(config, dispatcher, Supervisor(Metrics(config.slo)))
    fleet.set_members(config.workers)
    await fleet.probe()
    try:
        yield Wing(fleet, dispatcher)
        scheduler_of(dispatcher).check()
    finally:
        await fleet.close()
