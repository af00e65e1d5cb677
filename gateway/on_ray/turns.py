"""Turns: requests of one Serve router wait for a replica in the scheduler's order.

Nothing here imports Ray.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateway.config.settings import Config
from gateway.scheduling.build_scheduler import policy
from gateway.scheduling.dispatcher import Dispatcher, Slot
from scheduler.actions import Dispatch
from scheduler.job import Job
from scheduler.scheduler import Scheduler
from scheduler.worker_spec import WorkerSpec

NO_BOUND = 2**62
"""Waiting requests: a router cannot refuse, and Serve has a bound, ``max_queued_requests``."""


class Turns:
    """The scheduler of one router: its workers are the replicas of one deployment.

    A turn is known by the object that asked for it, from ``take`` to ``end``.
    """

    def __init__(self, config: Config, model: str) -> None:
        scheduler = Scheduler(policy(config), max_waiting=NO_BOUND, no_worker_grace=math.inf)
        self._dispatcher = Dispatcher(scheduler)
        self._model = model
        self._slots: dict[int, Slot] = {}

    @property
    def waiting(self) -> int:
        """Requests that wait for a replica."""
        return self._dispatcher.scheduler.waiting

    @property
    def running(self) -> int:
        """Requests that have a replica."""
        return len(self._slots) - self.waiting

    def set_replicas(self, slots: Mapping[str, int]) -> None:
        """Take these replicas, by name, with the sequences that each runs at once."""
        scheduler, apply = self._dispatcher.scheduler, self._dispatcher.apply
        for gone in [name for name in scheduler.workers if name not in slots]:
            apply(scheduler.remove_worker(gone))
        for name, number in slots.items():
            known = scheduler.workers.get(name)
            if known is None or known.spec.slots != number:
                spec = WorkerSpec(name, frozenset([self._model]), number, engine_queue=0)
                apply(scheduler.set_worker(spec))

    async def take(self, owner: object, job: Job) -> Dispatch:
        """Wait until it is the job's turn. The owner keeps its place until ``end``.

        An owner that has a turn already gives it back, and waits again with its old key: its
        replica had no room after all.
        """
        self._dispatcher.tick()
        slot = self._slots.get(id(owner))
        if slot is None:
            slot = self._slots[id(owner)] = self._dispatcher.slot(job)
            await slot.__aenter__()
        elif slot.dispatched:
            slot.retry()
        try:
            return await slot.wait()
        except BaseException:
            self.end(owner)
            raise

    def holds(self, owner: object, replica: str = "") -> bool:
        """Whether the owner has a turn, at this replica."""
        slot = self._slots.get(id(owner))
        if slot is None or not slot.dispatched:
            return False
        worker = self._dispatcher.scheduler.workers.get(replica)
        return not replica or (worker is not None and any(one is slot.job for one in worker))

    def end(self, owner: object) -> None:
        """Give the owner's place to the next one; nothing if the owner has none."""
        if (slot := self._slots.pop(id(owner), None)) is not None:
            self._dispatcher.end(slot)
