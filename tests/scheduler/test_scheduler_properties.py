"""The scheduler under any interleaving of calls, against a simple account of jobs and workers."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
)

from scheduler.actions import Reject
from scheduler.job import REPORT_TOKENS, Job
from scheduler.length import LengthDistribution
from scheduler.worker_spec import WorkerSpec
from tests.scheduler.account import Account
from tests.scheduler.any_jobs import JOBS, LENGTHS, LONGEST, MODELS, SPECS
from tests.scheduler.builders import spec

pytestmark = pytest.mark.timeout(600)  # a failure is made small before it is shown

# The first step always submits jobs: without jobs nothing can happen.
SOMETHING_SUBMITTED = precondition(lambda self: self.jobs)
SOMETHING_RUNS = precondition(lambda self: self.running)


class AnyInterleaving(Account):
    """Any calls in any order; the account's invariants hold after each."""

    @rule(burst=st.lists(JOBS, min_size=1, max_size=6))
    def submit(self, burst: list[Job]) -> None:
        for new in burst:
            new.id, new.arrival = f"j{len(self.jobs)}", self.now
            new.deadline += self.now
            before = len(self.waiting)
            self.jobs[new.id] = new
            actions = self.scheduler.submit(new)
            self.waiting[new.id] = self.policy(new)  # with the statistics that the scheduler sets
            self.take(actions)
            assert self.scheduler.waiting <= max(before, self.max_waiting)
            refused = [a.reason for a in actions if isinstance(a, Reject) and a.job is new]
            if "no_healthy_worker" not in refused:
                able = [
                    w.id for w in self.workers.values() if w.healthy and new.model in w.spec.models
                ]
                full = [self.scheduler.workers[id].overfull for id in able]
                queued = bool(refused or self.of_model(new.model)) or (bool(full) and all(full))
                self.crowded[new.model] += 0.01 * (queued - self.crowded[new.model])

    @precondition(lambda self: self.waiting or self.running)
    @rule(data=st.data())
    def submit_again(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from([*self.waiting, *self.running]))
        with pytest.raises(ValueError, match="already here"):
            self.scheduler.submit(self.jobs[id])

    @SOMETHING_RUNS
    @rule(data=st.data(), attained=st.integers(0, 2 * LONGEST))
    def progress(self, data: st.DataObject, attained: int) -> None:
        id = data.draw(st.sampled_from([*self.running]))
        actions = self.scheduler.progress(id, attained)
        assert self.jobs[id].attained == attained
        worker_id, key, counted = self.running[id]
        if not 0 <= attained - counted < REPORT_TOKENS:
            self.running[id] = (worker_id, key, attained)
        self.take(actions)

    @SOMETHING_SUBMITTED
    @rule(data=st.data(), length=LENGTHS)
    def reprice(self, data: st.DataObject, length: LengthDistribution) -> None:
        id = data.draw(st.sampled_from([*self.jobs]))
        waited, before = id in self.waiting, self.jobs[id].length
        actions = self.scheduler.reprice(id, length)
        assert self.jobs[id].length == (length if waited else before)
        if waited:
            self.waiting[id] = self.policy(self.jobs[id])
        self.take(actions)

    @SOMETHING_SUBMITTED
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.release_one(data.draw(st.sampled_from([*self.jobs])))

    @SOMETHING_RUNS
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        self.release_one(data.draw(st.sampled_from([*self.running])))

    def release_one(self, id: str) -> None:
        ended = id in self.running
        actions = self.scheduler.release(id, service_s=7.0 if ended else None)
        if id in self.waiting:
            del self.waiting[id]
            self.left.add(id)
        self.running.pop(id, None)
        self.take(actions)

    @SOMETHING_RUNS
    @rule(data=st.data())
    def requeue(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from([*self.running]))
        _, key, _ = self.running.pop(id)
        self.waiting[id] = key
        self.retried[id] = self.retried.get(id, 0) + 1
        actions = self.scheduler.requeue(id)
        assert self.jobs[id].attained == 0
        self.take(actions)

    @SOMETHING_SUBMITTED
    @rule(seconds=st.floats(0, 15))
    def let_time_pass(self, seconds: float) -> None:
        self.note_service()
        self.now += seconds
        self.note_service()

    @SOMETHING_SUBMITTED
    @rule()
    def expire(self) -> None:
        stranded = [m for m in MODELS if not self.serves(m)]
        actions = self.scheduler.expire(self.now)
        self.take(actions)
        assert not any(self.jobs[id].deadline <= self.now for id in self.waiting)
        for model in stranded:
            if self.now - self.stranded_since.get(model, math.inf) >= self.grace:
                assert not self.of_model(model), "a job waits without a worker beyond the grace"
            if self.of_model(model):
                self.stranded_since.setdefault(model, self.now)

    @SOMETHING_SUBMITTED
    @rule(spec=SPECS, healthy=st.sampled_from([True, True, True, False]))
    def set_worker(self, spec: WorkerSpec, healthy: bool) -> None:
        self.put_worker(spec, healthy)

    @SOMETHING_SUBMITTED
    @rule(data=st.data())
    def lose_or_regain_a_worker(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from([*self.workers]))
        healthy = not self.workers[id].healthy
        self.note_service()
        self.workers[id].healthy = healthy
        self.note_service()
        self.take(self.scheduler.set_health(id, healthy))

    @SOMETHING_SUBMITTED
    @rule(data=st.data(), slots=st.integers(1, 4))
    def set_slots(self, data: st.DataObject, slots: int) -> None:
        known = self.workers[data.draw(st.sampled_from([*self.workers]))]
        self.put_worker(replace(known.spec, slots=slots), known.healthy)

    def teardown(self) -> None:
        """With a healthy worker and jobs that end, every job is dispatched."""
        if not hasattr(self, "scheduler"):
            return
        for id in list(self.workers):
            self.workers[id].healthy = False
            self.take(self.scheduler.set_health(id, False))
        self.put_worker(spec("last", models=MODELS), healthy=True)
        for _ in self.jobs:
            for id in list(self.running):
                self.release_one(id)
        assert not self.waiting, "a job is never dispatched"
        assert {*self.dispatches} | self.rejected | self.left == {*self.jobs}, "a job is lost"
        assert not self.left & self.rejected
        self.scheduler.check()


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=60, stateful_step_count=50)
