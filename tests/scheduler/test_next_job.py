"""Jobs that fit nowhere at the moment: each waits for one worker, and the others go on."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.job import Job
from scheduler.next_job import MOST_AWAITED, to_end_first
from scheduler.policy import fcfs
from scheduler.scheduler import Scheduler
from scheduler.worker import Worker
from tests.scheduler.builders import job, spec, summary
from tests.scheduler.conftest import MakeScheduler


def busy(make_scheduler: MakeScheduler, **sequences: int) -> Scheduler:
    """Workers of four slots, each with one job of so many sequences that has the worker's name."""
    scheduler = make_scheduler()
    for name, n in sequences.items():
        scheduler.set_worker(spec(name, slots=4))
        assert summary(scheduler.submit(job(name, sequences=n))) == [f"{name}>{name}"]
    return scheduler


def test_the_other_workers_go_on_beside_a_job_that_fits_nowhere(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = busy(make_scheduler, v=3, w=2, x=3)
    assert scheduler.submit(job("wide", arrival=1, sequences=4)) == []
    later = [scheduler.submit(job(f"narrow{n}", arrival=2)) for n in range(3)]
    assert [summary(actions) for actions in later] == [["narrow0>v"], ["narrow1>x"], []]
    assert summary(scheduler.release("w")) == ["wide>w"]


def test_a_prompt_of_nearly_the_whole_cache_holds_up_one_worker(
    make_scheduler: MakeScheduler,
) -> None:
    workers = [spec(name, slots=99, kv_tokens=1000) for name in "vw"]
    scheduler = make_scheduler(workers)
    for name in "vw":
        scheduler.submit(job(name, prompt=300, tokens=10))
    assert scheduler.submit(job("large", arrival=1, prompt=930, tokens=10)) == []
    placed = [summary(scheduler.submit(job(f"s{n}", arrival=2, prompt=100))) for n in range(3)]
    assert placed in ([[f"s{n}>{name}"] for n in range(3)] for name in "vw")


def test_a_job_keeps_waiting_for_the_same_worker(make_scheduler: MakeScheduler) -> None:
    scheduler = busy(make_scheduler, v=3, w=2)
    scheduler.submit(job("wide", arrival=1, sequences=4))
    scheduler.submit(job("a", arrival=2))
    assert summary(scheduler.release("v")) == []  # v has more room than w now, if not enough
    assert summary(scheduler.submit(job("b", arrival=3))) == ["b>v"]
    assert summary(scheduler.submit(job("c", arrival=4))) == ["c>v"]


def test_a_job_takes_any_worker_that_has_room_earlier(make_scheduler: MakeScheduler) -> None:
    scheduler = busy(make_scheduler, v=3, w=2)
    scheduler.submit(job("wide", arrival=1, sequences=4))
    assert summary(scheduler.release("v")) == ["wide>v"]
    assert summary(scheduler.submit(job("narrow", arrival=2))) == ["narrow>w"]


def test_a_job_waits_for_another_worker_where_its_own_fails(make_scheduler: MakeScheduler) -> None:
    scheduler = busy(make_scheduler, v=3, w=2, x=3)
    scheduler.submit(job("wide", arrival=1, sequences=4))
    scheduler.set_health("w", False)
    later = [scheduler.submit(job(f"narrow{n}", arrival=2)) for n in range(2)]
    assert [summary(actions) for actions in later] == [["narrow0>x"], []]
    assert summary(scheduler.release("v")) == ["wide>v"]


def test_jobs_that_fit_nowhere_wait_for_a_worker_each(make_scheduler: MakeScheduler) -> None:
    scheduler = busy(make_scheduler, v=2, w=2, x=3)
    for n in range(2):
        scheduler.submit(job(f"wide{n}", arrival=1, sequences=4))
    assert summary(scheduler.submit(job("narrow", arrival=2))) == ["narrow>x"]
    assert summary(scheduler.release("v")) == ["wide0>v"]
    assert summary(scheduler.submit(job("late", arrival=3))) == []
    assert summary(scheduler.release("w")) == ["wide1>w"]


def test_the_jobs_tried_at_a_decision_are_bounded(make_scheduler: MakeScheduler) -> None:
    scheduler = busy(make_scheduler, **{f"w{n}": 3 for n in range(MOST_AWAITED + 1)})
    for n in range(MOST_AWAITED):
        assert summary(scheduler.submit(job(f"early{n}", arrival=1, sequences=2))) == []
    assert summary(scheduler.submit(job("narrow", arrival=2))) == []


@given(st.data(), st.integers(2, 4), st.integers(2, 4))
def test_a_job_of_any_width_goes_once_the_jobs_before_it_have_ended(
    data: st.DataObject, workers: int, width: int
) -> None:
    # Narrow jobs never stop coming, and jobs end in any order.
    scheduler, names = Scheduler(fcfs), count()
    running: dict[str, str] = {}

    def end_or_add(id: str | None) -> None:
        actions = (
            scheduler.submit(job(f"n{next(names)}", arrival=2.0))
            if id is None
            else scheduler.release(id)
        )
        running.update(pair.split(">") for pair in summary(actions))  # type: ignore[misc]

    for n in range(workers):
        scheduler.set_worker(spec(f"w{n}", slots=4))
    for _ in range(4 * workers):
        end_or_add(None)
    for _ in range(data.draw(st.integers(0, workers))):  # so that some have a little room
        running.pop(ended := data.draw(st.sampled_from(sorted(running))))
        end_or_add(ended)
    before = set(running)
    running.update(
        pair.split(">")  # type: ignore[misc]
        for pair in summary(scheduler.submit(job("wide", arrival=1.0, sequences=width)))
    )
    while "wide" not in running and before & set(running):
        for _ in range(data.draw(st.integers(1, 3))):
            end_or_add(None)
        running.pop(ended := data.draw(st.sampled_from(sorted(running))))
        end_or_add(ended)
        held = [worker.sequences for worker in scheduler.workers.values()]
        waiting = scheduler.waiting - ("wide" not in running)
        assert waiting == 0 or sum(n < 4 for n in held) <= 1, "more than one worker waits"
    assert "wide" in running
    scheduler.check()


@pytest.mark.parametrize(
    ("here", "kv_tokens", "new", "part"),
    [
        (job("a", sequences=4), None, job("b"), 0.25),  # one of four sequences
        (job("a", sequences=3), None, job("b", sequences=4), 1.0),
        (job("a", sequences=2), None, job("b", sequences=3), 0.5),
        (job("a", prompt=693, tokens=1), 1000, job("b", prompt=460), 0.2815),
        (job("a", prompt=693, tokens=1), 1000, job("b", prompt=2000), 1.0),
        (job("a", prompt=93, tokens=1), 1000, job("b", prompt=92), 0.0),
    ],
)
def test_the_part_that_must_end_before_a_job_fits(
    here: Job, kv_tokens: int | None, new: Job, part: float
) -> None:
    worker = Worker(spec(slots=4, kv_tokens=kv_tokens))
    worker.add(here)
    assert to_end_first(worker, new, worker.load) == pytest.approx(part, abs=0.06)


def test_a_job_goes_back_to_a_worker_that_it_shuns_only_where_there_is_no_other(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec("v", slots=9), spec("w")])
    refused = job("refused")
    assert summary(scheduler.submit(refused)) == ["refused>v"]
    assert summary(scheduler.submit(job("long"))) == ["long>w"]
    refused.shuns = frozenset("v")
    assert scheduler.requeue("refused") == [], "it waits for the other worker"
    assert summary(scheduler.submit(job("next", arrival=1))) == ["next>v"], "others do not wait"
    assert summary(scheduler.release("long")) == ["refused>w"]
    refused.shuns = frozenset("vw")
    assert summary(scheduler.requeue("refused")) in (["refused>v"], ["refused>w"])
