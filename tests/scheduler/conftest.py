"""A scheduler for a test; the fixture checks its invariants after the test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import pytest
from hypothesis import settings

from scheduler.policy import Policy, fcfs
from scheduler.scheduler import Scheduler
from scheduler.traffic import FULL_CAUTION_SHARE
from scheduler.worker_spec import WorkerSpec

# Without a time limit on an example, a busy machine makes no test fail.
settings.register_profile("lengthwise", deadline=None, max_examples=60, print_blob=True)
settings.load_profile("lengthwise")


class MakeScheduler(Protocol):
    """Makes a scheduler with workers of these ``specs``."""

    def __call__(
        self,
        specs: Iterable[WorkerSpec] = (),
        *,
        policy: Policy = fcfs,
        max_waiting: int = 10_000,
        no_worker_grace: float = 10.0,
        full_caution: float = FULL_CAUTION_SHARE,
    ) -> Scheduler: ...


@pytest.fixture
def make_scheduler() -> Iterator[MakeScheduler]:
    made: list[Scheduler] = []

    def make(
        specs: Iterable[WorkerSpec] = (),
        *,
        policy: Policy = fcfs,
        max_waiting: int = 10_000,
        no_worker_grace: float = 10.0,
        full_caution: float = FULL_CAUTION_SHARE,
    ) -> Scheduler:
        scheduler = Scheduler(
            policy,
            max_waiting=max_waiting,
            no_worker_grace=no_worker_grace,
            full_caution=full_caution,
        )
        for spec in specs:
            scheduler.set_worker(spec)
        made.append(scheduler)
        return scheduler

    yield make
    for scheduler in made:
        scheduler.check()
