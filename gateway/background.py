"""Background tasks: the loops that run beside the requests while the gateway runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.forecasting.learned_state import LearnedState
from gateway.forecasting.refits import Refits
from gateway.forecasting.reload import Reload
from gateway.scheduling.dispatcher import Dispatcher
from gateway.workers.discovery import Discovery
from gateway.workers.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Background:
    """The parts of the gateway that work in the background."""

    fleet: Fleet
    discovery: Discovery
    dispatcher: Dispatcher
    reload: Reload
    learned: LearnedState
    refits: Refits

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run every task for the length of the block, then close the fleet and the learned state.

        Workers are discovered and probed before the block begins: the first request has workers.
        """
        await self.discovery.look()
        await self.fleet.probe()
        tasks = self._start()
        yield
        for task in tasks:
            task.cancel()
        # Nothing awaits a task before this line. A task that dies while the gateway runs dies
        # unseen: its exception is neither logged nor counted, and the task does not start again.
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.fleet.close()
        await asyncio.to_thread(self.learned.close)

    def _start(self) -> list[asyncio.Task[None]]:
        loops = {
            "probe workers": self.fleet.watch(),
            "discover workers": self.discovery.watch(),
            "expire waiting requests": self.dispatcher.watch_deadlines(),
            "reload the predictor": self.reload.watch(),
            "save what was learned": self.learned.keep_saving(),
            "refit the predictor": self.refits.watch(),
        }
        return [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
