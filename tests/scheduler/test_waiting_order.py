"""The expected order of starts is the one in which the scheduler then starts the jobs."""

from __future__ import annotations

from random import Random

import pytest

from scheduler.policy import POLICIES
from scheduler.scheduler import Scheduler
from scheduler.waiting_order import start_order
from tests.scheduler.builders import job, spec


@pytest.mark.parametrize("seed", range(20))
def test_the_order_is_the_schedulers_own(seed: int) -> None:
    random = Random(seed)
    scheduler = Scheduler(POLICIES["sejf"](0.1))
    scheduler.set_worker(spec(slots=1))
    scheduler.submit(job("first", tokens=50, tenant="a"))
    for n in range(40):
        scheduler.submit(
            job(
                f"j{n}",
                tokens=random.choice([5, 20, 300, 2000]),
                tenant=random.choice("abc"),
                urgency=random.choice([0, 0, 1]),
                arrival=float(n),
            )
        )
    waiting = scheduler.waiting
    assert waiting > 30
    expected = [one.id for one, _ in start_order(*scheduler.waiting_jobs.snapshot())]
    started = []
    running = [one.id for one in scheduler.workers["w"]]
    while scheduler.waiting:
        ended = running.pop(0)
        actions = scheduler.release(ended, _length(scheduler, ended))
        started += [action.job.id for action in actions]
        running += [action.job.id for action in actions]
    assert started == expected
    assert len(started) == waiting


def _length(scheduler: Scheduler, job_id: str) -> int:
    """Tokens with which a job ends as it was expected to, so that no charge is corrected."""
    [found] = [one for one in scheduler.workers["w"] if one.id == job_id]
    return round(found.length.mean)
