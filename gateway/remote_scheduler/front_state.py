"""FrontState: the jobs and workers of a front, and what the scheduler's process says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from gateway.remote_scheduler.front_messages import (
    Adopt,
    Pause,
    RemoveWorker,
    Requeue,
    Resubmit,
    Resubmitted,
    Settings,
    Submit,
)
from gateway.remote_scheduler.mirror import MirroredQueue, MirroredWorker
from gateway.remote_scheduler.outbox import Outbox
from gateway.remote_scheduler.scheduler_messages import Dispatched, Picture, Rejected, Waits
from gateway.remote_scheduler.states import MemoryState
from gateway.remote_scheduler.wire import job_state, worker_state
from scheduler.actions import Action, Dispatch, Reason, Reject
from scheduler.job import Job
from scheduler.policy import Policy, fcfs

UNKNOWN_WORKER_S = 0.1
"""Seconds after which a job is queued again that went to a worker which this front has not found
yet, or has no more."""


@dataclass(slots=True)
class Held:
    """A job of this front, from its submission to its release."""

    number: int
    job: Job
    accepted: bool = False
    """Whether a scheduler has taken the job, and has told its place in the order."""
    worker: str = ""
    """Where the job runs; "" while it waits."""
    key: float = 0.0


class FrontState:
    """What a front holds. It is the truth: a scheduler that starts anew is told all of it."""

    def __init__(self) -> None:
        self.deliver: Callable[[list[Action]], None] = lambda actions: None
        self.policy: Policy = fcfs
        self.outbox = Outbox()
        self.away = True
        """Whether there is no scheduler now."""
        self.memory: MemoryState | None = None
        self._settings: Settings | None = None
        self._paused = False
        self._held: dict[str, Held] = {}
        self._by_number: dict[int, Held] = {}
        self._workers: dict[str, MirroredWorker] = {}
        self._numbers = 0
        self._asked = -1.0
        self._queue = MirroredQueue(self._waits, self._own_waiting)
        self._waiting = 0

    def _waits(self, job_id: str) -> bool:
        held = self._held.get(job_id)
        return held is not None and not held.worker

    def _own_waiting(self) -> int:
        return self._waiting

    def begin(self) -> list[Any]:
        """All that a scheduler needs to go on from here; later changes follow in the outbox."""
        self.outbox.begin()
        entries: list[Any] = [] if self.memory is None else [self.memory]
        entries += [] if self._settings is None else [self._settings]
        entries += [Pause(True)] if self._paused else []
        workers = self._workers.values()
        entries += [worker_state(worker.spec, healthy=worker.healthy) for worker in workers]
        for held in sorted(self._held.values(), key=lambda one: one.job.arrival):
            state = job_state(held.job)
            if held.worker:
                entries.append(Adopt(held.number, state, held.worker, held.key))
            else:
                entries.append((Resubmit if held.accepted else Submit)(held.number, state))
        entries += [RemoveWorker(worker.id) for worker in workers if worker.removed]
        return [*entries, Resubmitted()]

    def take(self, entries: list[Any]) -> None:
        """Take the scheduler's entries. One about a job that has gone meanwhile is ignored."""
        actions: list[Action] = []
        for entry in entries:
            if isinstance(entry, Picture):
                self._show(entry)
            elif isinstance(entry, MemoryState):
                self.memory = entry
            elif (held := self._by_number.get(entry.n)) is not None and not held.worker:
                action = self._decided(held, entry)
                actions += [] if action is None else [action]
        if actions:
            self.deliver(actions)

    def _decided(self, held: Held, entry: Dispatched | Rejected | Waits) -> Action | None:
        job = held.job
        job.usual_tokens, job.arrival_turns = entry.usual_tokens, entry.arrival_turns
        held.accepted = True
        if isinstance(entry, Dispatched):
            if (worker := self._workers.get(entry.worker)) is None:
                self._give_back(held, entry.worker)
                return None
            held.worker, held.key = entry.worker, entry.key
            self._waiting -= 1
            worker.own[job.id] = job
            return Dispatch(job, entry.worker, entry.key)
        if isinstance(entry, Rejected):
            self._drop(held)
            return Reject(job, cast(Reason, entry.reason))
        return None

    def _give_back(self, held: Held, worker_id: str) -> None:
        """Let a job wait again that another front's worker has got."""
        connection = self.outbox.number
        held.job.shuns |= {worker_id}

        def requeue() -> None:
            same = self._by_number.get(held.number) is held and not held.worker
            if same and self.outbox.open and self.outbox.number == connection:
                self.outbox.add(Requeue(held.number, list(held.job.shuns)))

        asyncio.get_running_loop().call_later(UNKNOWN_WORKER_S, requeue)

    def _show(self, picture: Picture) -> None:
        self._queue.show(picture)
        self._paused = picture.paused
        loads = {load.id: load for load in picture.workers}
        for worker in self._workers.values():
            worker.load = loads.get(worker.id)

    def _drop(self, held: Held) -> None:
        del self._held[held.job.id], self._by_number[held.number]
        if held.worker:
            self._leave_worker(held)
        else:
            self._waiting -= 1

    def _leave_worker(self, held: Held) -> None:
        worker, held.worker = self._workers.get(held.worker), ""
        if worker is not None:
            worker.own.pop(held.job.id, None)
            self._forget_if_idle(worker)

    def _forget_if_idle(self, worker: MirroredWorker) -> None:
        if worker.removed and not worker.own:
            self._workers.pop(worker.id, None)
