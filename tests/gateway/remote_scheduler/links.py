"""A core and its fronts in one process: the real messages, carried by hand, one turn at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.remote_scheduler.core import Core, Session
from gateway.remote_scheduler.encoding import encode, from_front, from_scheduler, messages_of
from gateway.remote_scheduler.entries import take
from gateway.remote_scheduler.front_messages import Hello
from gateway.remote_scheduler.remote_scheduler import RemoteScheduler
from gateway.remote_scheduler.scheduler_messages import Welcome
from gateway.remote_scheduler.states import VERSION
from scheduler.actions import Action, Dispatch
from scheduler.job import Job
from scheduler.policy import Policy
from scheduler.queue_bounds import QueueBounds
from scheduler.worker_spec import WorkerSpec
from tests.scheduler.builders import SEJF


@dataclass
class Link:
    """One front, and the messages on their way between it and the core."""

    name: str
    scheduler: RemoteScheduler = field(default_factory=RemoteScheduler)
    session: Session | None = None
    epoch: int = 0
    actions: list[Action] = field(default_factory=list)
    """All that the scheduler has decided, in the order in which it came."""
    starts: Counter[str] = field(default_factory=Counter)
    """How often each job was dispatched to this front."""
    downward: list[bytes] = field(default_factory=list)
    """Messages from the core that have not come yet."""

    def __post_init__(self) -> None:
        self.scheduler.deliver = self._deliver

    def _deliver(self, actions: list[Action]) -> None:
        self.actions += actions
        self.starts.update(one.job.id for one in actions if isinstance(one, Dispatch))

    def configure(self, policy: Policy, bounds: QueueBounds | None = None) -> None:
        """Give the front its settings."""
        self.scheduler.configure(policy, bounds or QueueBounds(), slack=0.0, no_worker_grace=10.0)

    def connect(self, core: Core) -> None:
        """Say hello, and tell the core all that the front has."""
        self.downward.clear()
        hello = Hello(VERSION, self.name, "", None, self.epoch)
        self.session = core.join(hello)
        entries = self.scheduler.begin()
        self.scheduler.away = False
        for data in messages_of(entries):
            take(core, self.session, from_front(data))

    def lose(self) -> None:
        """Lose the core, and what was on its way in both directions."""
        self.session = None
        self.scheduler.away = True
        self.scheduler.outbox.end()
        self.downward.clear()

    def up(self, core: Core) -> None:
        """Carry what the front has said to the core."""
        if self.session is not None:
            for data in messages_of(self.scheduler.outbox.take()):
                take(core, self.session, from_front(data))

    def post(self) -> None:
        """Put what the core has said on its way."""
        if self.session is not None and self.session.out:
            self.downward.append(encode(self.session.out))
            self.session.out = []

    def down(self) -> None:
        """Carry what is on its way to the front."""
        messages, self.downward = self.downward, []
        for data in messages:
            entries: list[Any] = from_scheduler(data)
            for entry in entries:
                if isinstance(entry, Welcome):
                    self.epoch = entry.epoch
            self.scheduler.take([one for one in entries if not isinstance(one, Welcome)])


def settle(core: Core, links: Iterable[Link]) -> None:
    """Carry everything both ways until nothing is said any more."""
    links = list(links)
    for _ in range(5):
        for link in links:
            link.up(core)
        for link in links:
            link.post()
            link.down()


def fronts(count: int, workers: Iterable[WorkerSpec], policy: Policy = SEJF) -> list[Link]:
    """So many fronts, each with these workers."""
    links = [Link(f"front-{number}") for number in range(count)]
    for link in links:
        link.configure(policy)
        for spec in workers:
            link.scheduler.set_worker(spec)
    return links


def core_of(links: Iterable[Link], clock: Callable[[], float], epoch: int = 1) -> Core:
    """A core with these fronts, which has begun."""
    links = list(links)
    core = Core(epoch, clock, expected=len(links))
    for link in links:
        link.connect(core)
    settle(core, links)
    return core


def held_by(link: Link) -> tuple[set[str], set[str]]:
    """The waiting and the running jobs of a front."""
    held = link.scheduler._held.values()
    waiting = {one.job.id for one in held if not one.worker}
    return waiting, {one.job.id for one in held} - waiting


def held_for(core: Core, link: Link) -> tuple[set[str], set[str]]:
    """The same as the core sees it."""
    assert link.session is not None
    names: dict[int, Job] = {held.number: held.job for held in link.scheduler._held.values()}
    waits = core.scheduler.waiting_jobs
    there = link.session.jobs.items()
    waiting = {names[n].id for n, job in there if job.id in waits}
    return waiting, {names[n].id for n, job in there if job.id not in waits}


def held_by_scheduler(scheduler: RemoteScheduler) -> int:
    """The number of jobs that a front holds."""
    return len(scheduler._held)
