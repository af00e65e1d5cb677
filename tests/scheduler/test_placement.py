"""Which of several workers gets a job."""

from __future__ import annotations

from scheduler.actions import Action, Dispatch
from scheduler.placement import Placement
from scheduler.scheduler import Scheduler
from tests.scheduler.builders import job, running_count, spec
from tests.scheduler.conftest import MakeScheduler


def place(scheduler: Scheduler, *jobs_tokens: int, affinity: str = "") -> list[str]:
    """The workers that jobs of so many tokens go to, one after the other."""
    placed = []
    for tokens in jobs_tokens:
        count = running_count(scheduler)
        new = job(f"{affinity}{count}", tokens=tokens, affinity=affinity)
        placed.append(worker_of(scheduler.submit(new)))
    return placed


def worker_of(actions: list[Action]) -> str:
    (action,) = actions
    assert isinstance(action, Dispatch)
    return action.worker_id


def test_a_job_goes_where_the_least_work_remains(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("v", slots=8), spec("w", slots=8)])
    assert place(scheduler, 1000, 100, 100, 100) == ["v", "w", "w", "w"]
    scheduler.progress("0", 990)
    assert place(scheduler, 100) == ["v"]


def test_a_faster_worker_gets_more_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("slow", slots=30), spec("fast", slots=30, speed=3.0)])
    assert place(scheduler, *[100] * 20).count("fast") == 15


def test_a_session_stays_where_its_prefix_is_cached(make_scheduler: MakeScheduler) -> None:
    workers = [spec("v", slots=8), spec("w", slots=8)]
    scheduler = Scheduler(lambda one: one.arrival, placement=Placement(slack=0.3))
    for one in workers:
        scheduler.set_worker(one)
    home = place(scheduler, 100, affinity="s")[0]
    assert place(scheduler, 100, 100, affinity="s") == [home, home]
    # Beyond the slack the cache is not worth the queue.
    assert place(scheduler, 100, affinity="s") != [home]
    scheduler.check()
