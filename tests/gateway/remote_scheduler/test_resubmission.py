"""Whatever happens in whatever order: no job is lost, none is served twice, no slot leaks."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.remote_scheduler.core import Core
from scheduler.actions import Reject
from scheduler.length import LengthDistribution
from tests.gateway.remote_scheduler.links import Link, core_of, fronts, held_by, held_for, settle
from tests.scheduler.builders import job, spec

FRONTS, SLOTS, WORKERS = 3, 2, ("v", "w")
SPECS = [spec(id, slots=SLOTS) for id in WORKERS]
FRONT, PART = st.integers(0, FRONTS - 1), st.floats(0, 1, exclude_max=True)


class Fronts(RuleBasedStateMachine):
    """Fronts, a scheduler that is killed now and then, and messages that are late."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1.0
        self.links = fronts(FRONTS, SPECS)
        self.core: Core = core_of(self.links, lambda: self.now)
        self.asked: Counter[str] = Counter()
        """How often each job was submitted or queued again: as often it may be dispatched."""
        self.names = 0
        self.broken = False
        """Whether a connection broke: what ran there was released, and runs on."""

    def _pick(self, link: Link, part: float, *, running: bool) -> str | None:
        jobs = sorted(held_by(link)[running])
        return jobs[int(part * len(jobs))] if jobs else None

    @rule(front=FRONT, tokens=st.integers(1, 500))
    def submit(self, front: int, tokens: int) -> None:
        self.names += 1
        self.now += 0.01
        name = f"job {self.names}"
        self.asked[name] += 1
        self.links[front].scheduler.submit(job(name, tokens=tokens, arrival=self.now))

    @rule(front=FRONT, jobs=st.integers(3, 8))
    def burst(self, front: int, jobs: int) -> None:
        for number in range(jobs):
            self.submit(front, 10 * number + 1)
        settle(self.core, self.links)

    @rule(front=FRONT, part=PART, tokens=st.integers(1, 500))
    def reprice(self, front: int, part: float, tokens: int) -> None:
        link = self.links[front]
        if name := self._pick(link, part, running=False):
            link.scheduler.reprice(name, LengthDistribution.point(tokens))

    @rule(front=FRONT, part=PART, tokens=st.integers(0, 500))
    def progress(self, front: int, part: float, tokens: int) -> None:
        link = self.links[front]
        if name := self._pick(link, part, running=True):
            link.scheduler.progress(name, tokens)

    @rule(front=FRONT, part=PART, running=st.booleans(), told=st.booleans())
    def release(self, front: int, part: float, running: bool, told: bool) -> None:
        link = self.links[front]
        if name := self._pick(link, part, running=running):
            tokens, seconds = (50, 1.0) if told and running else (None, None)
            link.scheduler.release(name, tokens, service_s=seconds)

    @rule(front=FRONT, part=PART)
    def requeue(self, front: int, part: float) -> None:
        link = self.links[front]
        if name := self._pick(link, part, running=True):
            self.asked[name] += 1
            link.scheduler.requeue(name)

    @rule(front=FRONT, worker=st.sampled_from(WORKERS), healthy=st.booleans())
    def health(self, front: int, worker: str, healthy: bool) -> None:
        self.links[front].scheduler.set_health(worker, healthy)

    @rule(front=FRONT)
    def up(self, front: int) -> None:
        self.links[front].up(self.core)

    @rule(front=FRONT)
    def post(self, front: int) -> None:
        self.links[front].post()

    @rule(front=FRONT)
    def down(self, front: int) -> None:
        self.links[front].down()

    @rule()
    def the_scheduler_is_killed(self) -> None:
        for link in self.links:
            link.lose()
        self.core = core_of(self.links, lambda: self.now, self.core.epoch + 1)

    @rule(front=FRONT)
    def a_connection_breaks(self, front: int) -> None:
        link = self.links[front]
        assert link.session is not None
        self.broken = True
        self.core.leave(link.session)
        link.lose()
        link.connect(self.core)

    @rule(front=FRONT)
    def a_front_is_killed(self, front: int) -> None:
        session = self.links[front].session
        assert session is not None
        self.core.leave(session)
        (self.links[front],) = fronts(1, SPECS)
        self.links[front].connect(self.core)

    @precondition(lambda self: self.names)
    @rule()
    def all_comes_through(self) -> None:
        settle(self.core, self.links)
        for link in self.links:
            assert held_by(link) == held_for(self.core, link)

    @invariant()
    def the_scheduler_is_sound(self) -> None:
        self.core.scheduler.check()
        for worker in self.core.scheduler.workers.values():
            sent = sum(1 for _ in worker)
            assert self.broken or sent <= SLOTS + worker.spec.engine_queue

    @invariant()
    def no_job_is_served_twice(self) -> None:
        for link in self.links:
            for name, times in link.starts.items():
                assert times <= self.asked[name]
            assert not any(isinstance(one, Reject) for one in link.actions)

    def teardown(self) -> None:
        """Let every job run and end: then nothing is left anywhere."""
        for link in self.links:
            for worker in WORKERS:
                link.scheduler.set_health(worker, True)
        for _ in range(2 * self.names + 2):
            settle(self.core, self.links)
            for link in self.links:
                for name in held_by(link)[1]:
                    link.scheduler.release(name, 10, service_s=1.0)
        settle(self.core, self.links)
        for link in self.links:
            assert held_by(link) == (set(), set()), "a job never got its turn"
            assert held_for(self.core, link) == (set(), set())
        assert self.core.scheduler.waiting == 0
        assert not any(len(worker) for worker in self.core.scheduler.workers.values())


TestFronts = Fronts.TestCase
TestFronts.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
