"""Newcomers: workers that have not named their models yet get the same grace as lost ones."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gateway.config.settings import Config
from gateway.workers.fleet import Fleet
from gateway.workers.member import ANY_MODEL


@dataclass(slots=True)
class Newcomers:
    """Lets requests wait for workers that the gateway has not seen yet.

    The grace begins with the first request that waits. After it, requests for models that no
    worker has named are refused at once, until a worker becomes ready or another one joins.
    """

    fleet: Fleet
    config: Config
    """``queue.no_worker_grace_s`` bounds the wait, ``queue.max_waiting`` the requests."""
    _unseen: frozenset[str] | None = None
    """The workers that the grace was for."""
    _until: float = 0.0
    _waiting: int = 0

    async def await_model(self, model: str) -> None:
        """Return once a worker serves the model, all workers are known, or the grace is over.

        ``ANY_MODEL``: once a worker serves any.
        """
        loop = asyncio.get_running_loop()
        while self._may_come(model):
            left = self._deadline(loop.time()) - loop.time()
            if left <= 0 or self._waiting >= self.config.queue.max_waiting:
                return
            self._waiting += 1
            try:
                async with asyncio.timeout(left):
                    await self.fleet.health.news.wait()
            except TimeoutError:
                pass
            finally:
                self._waiting -= 1

    def _may_come(self, model: str) -> bool:
        models = self.fleet.models()
        known = bool(models) if model == ANY_MODEL else model in models
        return not known and not self.fleet.all_known

    def _deadline(self, now: float) -> float:
        unseen = frozenset(m.id for m in self.fleet.members if not m.backend.models)
        if unseen != self._unseen:
            self._unseen, self._until = unseen, now + self.config.queue.no_worker_grace_s
        return self._until
