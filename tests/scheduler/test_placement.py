"""Which of several workers gets a job."""

from __future__ import annotations

from scheduler.actions import Action, Dispatch
from scheduler.placement import MAX_AFFINITIES, Placement
from scheduler.policy import fcfs
from scheduler.scheduler import Scheduler
from scheduler.worker import Worker
from tests.scheduler.builders import job, running_count, spec
from tests.scheduler.conftest import MakeScheduler


def place(scheduler: Scheduler, *jobs_tokens: int, affinity: str = "") -> list[str]:
    """The workers of jobs of so many tokens, submitted one after the other."""
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


def test_of_equal_workers_the_one_of_lowest_rank_gets_a_job(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("v", slots=8, rank=1), spec("w", slots=8, rank=0)])
    assert place(scheduler, 100, 100) == ["w", "v"]


def test_a_faster_worker_gets_more_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("slow", slots=30), spec("fast", slots=30, speed=3.0)])
    assert place(scheduler, *[100] * 20).count("fast") == 15


def test_a_session_stays_where_its_prefix_is_cached(make_scheduler: MakeScheduler) -> None:
    scheduler = Scheduler(fcfs, placement=Placement(slack=0.3))
    for name in ("v", "w"):
        scheduler.set_worker(spec(name, slots=8))
    home = place(scheduler, 100, affinity="s")[0]
    assert place(scheduler, 100, 100, affinity="s") == [home, home]
    # Beyond the slack, the other worker gets the job.
    assert place(scheduler, 100, affinity="s") != [home]
    scheduler.check()


def test_of_workers_of_equal_work_the_less_loaded_gets_the_job() -> None:
    wide, narrow = Worker(spec("wide", slots=8)), Worker(spec("narrow", slots=8))
    wide.add(job("a", tokens=50, sequences=2))
    narrow.add(job("b", tokens=100))
    assert Placement().choose(job("c"), [wide, narrow]) is narrow


def test_the_slack_is_relative_to_the_least_busy_worker() -> None:
    home, other = Worker(spec("home", slots=10)), Worker(spec("other", slots=10))
    placement = Placement(slack=0.3)
    assert placement.choose(job("first", affinity="s"), [home]) is home
    for n in range(6):
        home.add(job(f"h{n}", tokens=100))
        other.add(job(f"o{n}", tokens=50))
    assert placement.choose(job("next", affinity="s"), [home, other]) is home


def test_the_least_recently_used_affinity_is_forgotten_first() -> None:
    home, other = Worker(spec("home", slots=10)), Worker(spec("other", slots=10))
    home.add(job("h", tokens=50))
    placement = Placement(slack=1.0)
    for name in ("used", "forgotten", "used"):
        placement.choose(job("j", affinity=name), [home])
    filler = job("filler")
    for n in range(MAX_AFFINITIES - 1):
        filler.affinity = f"s{n}"
        placement.choose(filler, [home])
    workers = [home, other]
    assert placement.choose(job("j", affinity="used"), workers) is home
    assert placement.choose(job("j", affinity="forgotten"), workers) is other
