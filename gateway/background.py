"""Background tasks: the loops that run beside the requests while the gateway runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.access.access import Access
from gateway.clients.connections import Connections
from gateway.forecasting.learned_state import LearnedState
from gateway.forecasting.refits import Refits
from gateway.forecasting.reload import Reload
from gateway.live_config.live_config import LiveConfig
from gateway.requests.leaving import Leaving
from gateway.scheduling.dispatcher import Dispatcher
from gateway.shadow.shadow import Shadow
from gateway.supervisor import Supervisor
from gateway.usage.ledger import UsageLedger
from gateway.workers.discovery import Discovery
from gateway.workers.fleet import Fleet
from gateway.workers.health import WATCH
from gateway.workers.outliers import Outliers

log = logging.getLogger("lengthwise")


@dataclass(frozen=True, slots=True)
class Background:
    """The parts of the gateway that work in the background."""

    fleet: Fleet
    discovery: Discovery
    dispatcher: Dispatcher
    reload: Reload
    learned: LearnedState
    refits: Refits
    outliers: Outliers
    connections: Connections
    supervisor: Supervisor
    leaving: Leaving
    access: Access
    live: LiveConfig
    shadow: Shadow
    ledger: UsageLedger | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run every task for the length of the block, then close the fleet and the learned state.

        Workers are discovered and probed before the block begins: the first request has workers.
        """
        await self.discovery.look()
        await self.fleet.probe()
        tasks = self._start()
        if self.ledger is not None:
            self.ledger.begin()
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.fleet.close()
        await asyncio.to_thread(self.learned.close)
        if self.ledger is not None:
            await asyncio.to_thread(self.ledger.close)

    def _start(self) -> list[asyncio.Task[None]]:
        loops = {
            WATCH: self.fleet.watch,
            "judge workers": self.outliers.watch,
            "discover workers": self.discovery.watch,
            "read the keys": self.access.watch,
            "read the key set of tokens": self.access.watch_tokens,
            "close idle connections": self.connections.watch,
            "expire waiting requests": self.dispatcher.watch_deadlines,
            "reload the predictor": self.reload.watch,
            "save what was learned": self.learned.keep_saving,
            "refit the predictor": self.refits.watch,
            "reread the configuration": self.live.watch,
            "run the shadow": self.shadow.watch,
        }
        tasks = [
            asyncio.create_task(self.supervisor.keep(name, loop), name=name)
            for name, loop in loops.items()
        ]
        for task in tasks:
            task.add_done_callback(self._check_end)
        return tasks

    def _check_end(self, task: asyncio.Task[None]) -> None:
        """End the gateway if the supervisor itself has failed: nothing would start again."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("the supervisor of %r failed", task.get_name(), exc_info=error)
            self.leaving.broken = (
                f"the supervisor of the background task {task.get_name()!r} failed"
            )
