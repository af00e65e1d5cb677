"""Core: one scheduler for the jobs of several fronts, without sockets.

Fronts hold the clients and are the truth: everything here comes from a front, and goes with it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.remote_scheduler.facts import Facts
from gateway.remote_scheduler.front_messages import Hello, Submit
from gateway.remote_scheduler.scheduler_messages import Dispatched, Rejected, Waits, Welcome
from gateway.remote_scheduler.states import VERSION, MemoryState
from gateway.remote_scheduler.wire import job_of, memory_of, memory_state
from gateway.scheduling.expected_starts import ExpectedStarts
from gateway.scheduling.start_rates import StartRates
from scheduler.actions import Action, Dispatch
from scheduler.job import Job
from scheduler.policy import fcfs
from scheduler.rebuilt_scheduler import RebuiltScheduler

log = logging.getLogger("lengthwise")

MOST_JOBS = 1_000_000
"""Jobs that one front may have here."""


MOST_EPOCH = 2**52
"""An epoch that no clock gives: it is in microseconds since 1970."""


class Refusal(Exception):
    """A front is not served, or no longer; the text says why."""


@dataclass(slots=True, eq=False)
class Session:
    """One front, from its hello to its end."""

    number: int
    name: str
    later_s: float
    """Seconds by which this clock is ahead of the front's."""
    jobs: dict[int, Job] = field(default_factory=dict)
    """The jobs that the scheduler holds, by the front's number."""
    late: dict[int, Submit] = field(default_factory=dict)
    """New jobs that wait for those of a predecessor."""
    out: list[Any] = field(default_factory=list)
    """Entries to be sent."""
    complete: bool = False
    """Whether everything that the front had is in."""


class Core:
    """Takes the entries of the fronts' messages, and leaves the answers in their sessions.

    Args:
        epoch: of this scheduler; a later one has a larger. It grows where a predecessor's clock
            was ahead.
        clock: seconds, as ``time.monotonic``.
        expected: fronts whose jobs are awaited before anything is dispatched.
    """

    def __init__(self, epoch: int, clock: Callable[[], float], *, expected: int = 0) -> None:
        self.epoch, self.clock, self.expected = epoch, clock, expected
        self.scheduler = RebuiltScheduler(fcfs)
        self.facts = Facts()
        self.sessions: dict[int, Session] = {}
        self.rates = StartRates(clock)
        self.starts = ExpectedStarts(self.scheduler, self.rates, clock)
        self.asked = -1e9
        """When a front last asked when jobs start."""
        self.changes = 0
        """Counts what may have changed the picture."""
        self.paused = False
        self.held = True
        """Whether nothing is dispatched, since the jobs of a predecessor may not be known yet."""
        self.memory: MemoryState | None = None
        self._owners: dict[str, tuple[Session, int]] = {}
        self._numbers = 0
        self.scheduler.pause(True)

    def join(self, hello: Hello) -> Session:
        """A new front. One of the same name is gone: its process was started again.

        Raises:
            Refusal: it speaks another version, or knows a newer scheduler.
        """
        if hello.version != VERSION:
            raise Refusal(
                f"front {hello.front!r} speaks version {hello.version} and this scheduler "
                f"{VERSION}: start all processes from one installation"
            )
        later_s = 0.0 if hello.now is None else self.clock() - hello.now
        if not math.isfinite(later_s):
            raise Refusal(f"front {hello.front!r} has the time {hello.now}, which is none")
        self._follow(hello)  # who is refused must leave no trace
        self._numbers += 1
        session = Session(self._numbers, hello.front, later_s)
        self.sessions[session.number] = session
        self.facts.joins(session.number)
        session.out.append(Welcome(VERSION, self.epoch))
        return session

    def _follow(self, hello: Hello) -> None:
        """Let this scheduler be newer than the one that a front has followed.

        A clock that is behind makes a new scheduler seem older. One that has begun without what
        the front holds may be an old one that came back, and must not take the workers.
        """
        if hello.seen <= self.epoch:
            return
        if hello.seen >= MOST_EPOCH or self._has_begun_with_fronts:
            raise Refusal(
                f"front {hello.front!r} has followed a scheduler that started later than this one, "
                "by the clocks of their machines: end this one, or start it again, so that all "
                "fronts find it at its start"
            )
        log.warning("the clock here is behind that of the scheduler before, or that one is newer")
        self.epoch = hello.seen + 1
        for session in self.sessions.values():
            session.out.append(Welcome(VERSION, self.epoch))

    @property
    def _has_begun_with_fronts(self) -> bool:
        """Whether this scheduler may have dispatched what some front asked for."""
        return not self.held and self._numbers > 0

    def leave(self, session: Session) -> None:
        """Release all that a front had here."""
        if self.sessions.pop(session.number, None) is None:
            return
        session.late.clear()
        self.tick()
        waits = self.scheduler.waiting_jobs
        for job in sorted(session.jobs.values(), key=lambda one: one.id not in waits):
            self.act(self.scheduler.release(job.id))  # first those that wait, so that none starts
        for job in list(session.jobs.values()):
            self.forget(job.id)
        for worker_id in self.facts.leaves(session.number):
            self.settle_worker(worker_id)

    # What the entries do

    def submit(self, session: Session, entry: Submit) -> None:
        """Take a new job; while the jobs of a predecessor come in, it waits for them."""
        if self.held:
            session.late[entry.n] = entry
            return
        job = self.own(session, entry.n, job_of(entry.job, "", session.later_s))
        self.act(self.scheduler.submit(job))
        if job.id in self.scheduler.waiting_jobs:
            session.out.append(Waits(entry.n, job.usual_tokens, job.arrival_turns))

    def own(self, session: Session, number: int, job: Job) -> Job:
        """Name a front's job.

        Raises:
            ValueError: the front has used the number, or has too many jobs.
        """
        if number in session.jobs or len(session.jobs) >= MOST_JOBS:
            raise ValueError(f"job {number} is here already, or {len(session.jobs)} are too many")
        job.id = f"{session.number}/{number}"
        session.jobs[number] = job
        self._owners[job.id] = session, number
        return job

    def forget(self, job_id: str) -> None:
        """Let a job have no owner."""
        if (owner := self._owners.pop(job_id, None)) is not None:
            owner[0].jobs.pop(owner[1], None)

    def settle_worker(self, worker_id: str) -> None:
        """Let the scheduler have what holds of a worker."""
        self.changes += 1
        settled, known = self.facts.worker(worker_id), self.scheduler.workers.get(worker_id)
        if settled is None:
            if known is not None:
                self.act(self.scheduler.remove_worker(worker_id))
            return
        spec, healthy = settled
        if known is None or known.spec != spec or known.healthy != healthy:
            self.act(self.scheduler.set_worker(spec, healthy=healthy))

    def pause(self, paused: bool) -> None:
        """Pause the queue, or go on."""
        self.paused = paused
        self.act(self.scheduler.pause(paused or self.held))

    def remember(self, memory: MemoryState) -> None:
        """Keep the newest memory of a predecessor, to go on from it."""
        newest = self.memory
        if newest is None or (memory.epoch, memory.number) > (newest.epoch, newest.number):
            memory_of(memory, self.clock())  # refused here if it cannot be used
            self.memory = memory

    def end_hold(self, *, grace_over: bool = False) -> None:
        """Begin to dispatch, if all fronts are complete or the grace is over."""
        complete = [session for session in self.sessions.values() if session.complete]
        if not self.held or not (grace_over or 0 < self.expected <= len(complete)):
            return
        self.tick()
        if self.memory is not None:
            self.act(self.scheduler.remember(memory_of(self.memory, self.clock())))
        self.held = False
        late = [(one, entry) for one in self.sessions.values() for entry in one.late.values()]
        for session, entry in sorted(late, key=lambda one: one[1].job.arrival + one[0].later_s):
            del session.late[entry.n]
            self.submit(session, entry)
        self.act(self.scheduler.pause(self.paused))
        waiting, workers = self.scheduler.waiting, self.scheduler.workers.values()
        log.info(
            "the scheduler begins with %d fronts: %d requests wait, %d run",
            *(len(self.sessions), waiting, sum(map(len, workers))),
        )

    def watch(self) -> None:
        """Take the time and reject what is overdue; to be called ten times a second."""
        self.tick()
        if self.scheduler.waiting:
            self.act(self.scheduler.expire(self.clock()))

    def memory_now(self, number: int) -> MemoryState:
        """What the fronts are to keep for a successor."""
        return memory_state(self.scheduler.memory(), self.clock(), self.epoch, number)

    def tick(self) -> None:
        """Take the time."""
        self.act(self.scheduler.tick(self.clock()))

    def act(self, actions: Iterable[Action]) -> None:
        """Tell the fronts what the scheduler has decided."""
        self.changes += 1
        for action in actions:
            job = action.job
            session, number = self._owners[job.id]
            described = job.usual_tokens, job.arrival_turns
            if isinstance(action, Dispatch):
                self.rates.started(job, self.scheduler.waiting)
                start = Dispatched(number, action.worker_id, action.key, *described)
                session.out.append(start)
            else:
                self.forget(job.id)
                session.out.append(Rejected(number, action.reason, *described))
