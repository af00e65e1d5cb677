"""Shared: how a replica finds the scheduler that it shares with the others of its pool.

The actor's name is the lease: Ray lets one actor have it. A scheduler whose node Ray has given up
may still run, so each replica asks Ray again and again which one holds the name, and leaves another
one. A new scheduler dispatches nothing for its first second, in which all come to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from gateway.on_ray.orphan import end_with_node
from gateway.on_ray.scheduler_actor import Whereabouts, scheduler_of
from gateway.remote_scheduler.address import SchedulerAddress

log = logging.getLogger("lengthwise")

FOUND_S = 30.0
"""Seconds for an answer of the actor: it starts first, perhaps on another node."""

CHECK_S = 0.4
"""Seconds between two questions where the scheduler is: well below the second of a new one."""


@contextlib.asynccontextmanager
async def shared_scheduler(pool: str, front: str) -> AsyncIterator[SchedulerAddress]:
    """The address of the pool's scheduler, which follows the scheduler from node to node.

    Args:
        pool: name of the pool of workers.
        front: name of this replica, unlike that of every other.
    """
    with tempfile.TemporaryDirectory() as folder:
        finder = _Finder(pool, SchedulerAddress(front=front, authority=Path(folder) / "pem"))
        tasks = [asyncio.create_task(one) for one in (finder.watch(), end_with_node())]
        try:
            yield replace(finder.address, locate=finder.locate)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Finder:
    """Asks Ray for the scheduler."""

    def __init__(self, pool: str, address: SchedulerAddress) -> None:
        self._pool, self.address = pool, address
        self._actor: Any = None
        self._known: Whereabouts | None = None
        self._drop: Callable[[], None] | None = None

    async def locate(self, drop: Callable[[], None]) -> SchedulerAddress:
        """Where the scheduler is; ``drop`` is called once it is elsewhere.

        Raises:
            ConnectionError: it cannot be found now.
        """
        self._drop = drop
        found = self._known = await self._found()
        assert self.address.authority is not None
        self.address.authority.write_text(found.certificate)
        return replace(self.address, host=found.host, port=found.port, token=found.token)

    async def watch(self) -> None:
        """Look whether the scheduler is still the same, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            with contextlib.suppress(ConnectionError):
                found = await self._found()
                if self._known not in {None, found} and self._drop is not None:
                    log.warning("the scheduler of pool %s is another one now", self._pool)
                    self._drop()

    async def _found(self) -> Whereabouts:
        try:
            if self._actor is None:
                self._actor = await asyncio.to_thread(scheduler_of, self._pool)
            async with asyncio.timeout(FOUND_S):
                where: Whereabouts = await self._actor.whereabouts.remote()
        except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
            self._actor = None
            raise ConnectionError(f"no actor scheduler:{self._pool}: {error}") from error
        return where
