"""The scheduler skips decisions that cannot change anything; one that skips none does the same."""

from __future__ import annotations

import random

import pytest

from scheduler.actions import Action, Dispatch
from scheduler.job import Job
from scheduler.next_job import NextJob
from scheduler.policy import Policy, fcfs
from scheduler.scheduler import Scheduler
from scheduler.worker import Worker
from tests.scheduler.builders import SEJF, job, spec, summary
from tests.scheduler.conftest import MakeScheduler


class NeverSkips(NextJob):
    """Tries the jobs whatever has come."""

    def may_be(self, job: Job) -> bool:
        return True


class TriesAfterReports(NextJob):
    """Tries the jobs after each report that changes a forecast."""

    def may_fit(self, worker: Worker) -> bool:
        return True


class DecidesAfterReports(Scheduler):
    """The scheduler without the short cut for reports of progress."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        share = self._traffic.queueing_share
        self._next = TriesAfterReports(self._waiting, self._workers, self._placement, share)


class AlwaysDecides(Scheduler):
    """The scheduler without the short cuts."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy, full_caution=0.0)
        share = self._traffic.queueing_share
        self._next = NeverSkips(self._waiting, self._workers, self._placement, share)

    def progress(self, job_id: str, attained: int, running: int | None = None) -> list[Action]:
        return super().progress(job_id, attained, running) + self._fill()


class Pair:
    """Two schedulers that are told the same, and must answer the same."""

    def __init__(self, pair: tuple[Scheduler, Scheduler], draws: random.Random) -> None:
        self._pair = pair
        self._draws = draws
        self.checks = True
        """Whether the invariants are looked at after each step, which is a decision too."""
        self._now = 0.0
        self._jobs: dict[str, bool] = {}  # by id: whether it runs
        for id in ("v", "w"):
            slots, kv = draws.choice([1, 2, 4]), draws.choice([None, 800, 2000])
            for one in self._pair:
                one.set_worker(spec(id, slots=slots, kv_tokens=kv))

    def step(self) -> None:
        """Tell both of one random change."""
        draws = self._draws
        self._now += draws.choice([0.0, 1.0])
        running = [id for id, runs in self._jobs.items() if runs]
        what = draws.random()
        if what < 0.5:
            self._submit(f"j{self._now}-{draws.random()}")
        elif what < 0.7 and running:
            self._same("progress", draws.choice(running), draws.randint(0, 400))
        elif what < 0.75 and running:
            self._same("requeue", again := draws.choice(running), before={again: False})
        elif self._jobs:
            id = draws.choice(list(self._jobs))
            del self._jobs[id]
            self._same("release", id, draws.choice([None, 50]))

    def _submit(self, id: str) -> None:
        draws = self._draws
        size, tokens, prompt = (
            draws.choice([1, 1, 2, 3]),
            draws.choice([8, 100]),
            draws.choice([5, 300]),
        )
        tenant, urgency = draws.choice("abc"), draws.choice([0, 0, 1])
        insists = draws.choice(["", "", "v"])
        self._jobs[id] = False
        self._answers(
            [
                one.submit(
                    job(
                        id,
                        arrival=self._now,
                        prompt=prompt,
                        tokens=tokens,
                        sequences=size,
                        tenant=tenant,
                        urgency=urgency,
                        worker=insists,
                    )
                )
                for one in self._pair
            ]
        )

    def _same(self, change: str, *about: object, before: dict[str, bool] | None = None) -> None:
        self._jobs |= before or {}
        self._answers([getattr(one, change)(*about) for one in self._pair])

    def _answers(self, answers: list[list[Action]]) -> None:
        short, full = map(summary, answers)
        assert short == full
        if self.checks:
            self._pair[0].check()
        for action in answers[0]:
            assert isinstance(action, Dispatch)
            self._jobs[action.job.id] = True


@pytest.mark.parametrize("seed", range(12))
def test_no_skipped_decision_changes_what_is_done(seed: int) -> None:
    draws = random.Random(seed)
    for policy in (fcfs, SEJF):
        pair = Pair((Scheduler(policy, full_caution=0.0), AlwaysDecides(policy)), draws)
        for _ in range(150):
            pair.step()


@pytest.mark.parametrize("seed", range(12))
def test_no_decision_that_is_skipped_after_a_report_changes_what_is_done(seed: int) -> None:
    draws = random.Random(seed)
    for policy in (fcfs, SEJF):
        pair = Pair((Scheduler(policy), DecidesAfterReports(policy)), draws)
        pair.checks = False
        for _ in range(400):
            pair.step()


def test_of_tenants_with_equal_counters_the_first_by_name_is_tried(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=4)])
    scheduler.submit(job("z1", tenant="z", sequences=2))
    assert not scheduler.submit(job("b1", tenant="b", sequences=3, arrival=1))
    assert summary(scheduler.submit(job("a1", tenant="a", arrival=2))) == ["a1>w"]
