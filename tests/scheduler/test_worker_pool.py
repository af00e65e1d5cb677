"""Workers that join, change and leave."""

from __future__ import annotations

from tests.scheduler.builders import job, spec, summary
from tests.scheduler.conftest import MakeScheduler


def test_an_unhealthy_worker_gets_nothing_and_keeps_its_jobs(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=2)])
    scheduler.submit(job("a"))
    assert scheduler.set_health("w", healthy=False) == []
    assert scheduler.submit(job("b")) == []
    assert [job.id for job in scheduler.workers["w"]] == ["a"]
    assert summary(scheduler.set_health("w", healthy=True)) == ["b>w"]


def test_a_worker_with_more_slots_takes_more_jobs_at_once(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=1)])
    for id in "abcd":
        scheduler.submit(job(id))
    assert summary(scheduler.set_worker(spec(slots=3))) == ["b>w", "c>w"]


def test_a_worker_with_fewer_slots_drains_to_its_new_size(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=3)])
    for id in "abcd":
        scheduler.submit(job(id))
    scheduler.set_worker(spec(slots=1))
    released = [summary(scheduler.release(id)) for id in "abc"]
    assert released == [[], [], ["d>w"]]


def test_a_worker_with_a_new_spec_keeps_its_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(models="a")])
    scheduler.submit(job("a1", model="a"))
    scheduler.submit(job("b1", model="b"))
    again = spec(models="b", slots=2, kv_tokens=10_000, engine_queue=1)
    assert summary(scheduler.set_worker(again)) == ["b1>w"]
    known = scheduler.workers["w"]
    assert {running.id for running in known} == {"a1", "b1"}
    assert known.spec == again


def test_an_unhealthy_new_worker_gets_no_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.submit(job("a"))
    assert scheduler.set_worker(spec(), healthy=False) == []
    assert summary(scheduler.set_worker(spec())) == ["a>w"]


def test_a_removed_worker_ends_its_jobs_and_is_forgotten(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("old", slots=2), spec("new", slots=2)])
    assert summary(scheduler.submit(job("a"))) == ["a>old"]
    scheduler.remove_worker("old")
    assert summary(scheduler.submit(job("b"))) == ["b>new"]
    assert summary(scheduler.submit(job("c"))) == ["c>new"]
    assert "old" in scheduler.workers
    scheduler.release("a")
    assert "old" not in scheduler.workers


def test_an_idle_worker_is_forgotten_at_once_when_removed(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.remove_worker("w")
    assert "w" not in scheduler.workers


def test_a_removed_worker_that_is_set_again_stays(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("a"))
    scheduler.remove_worker("w")
    scheduler.submit(job("b"))
    scheduler.set_worker(spec())
    assert summary(scheduler.release("a")) == ["b>w"]
    scheduler.release("b")
    assert "w" in scheduler.workers


def test_a_worker_of_last_resort_gets_jobs_only_where_there_is_no_other(
    make_scheduler: MakeScheduler,
) -> None:
    shunned = spec("shunned", models="ab", slots=9, last_resort=True)
    scheduler = make_scheduler([shunned, spec("other", models="a")])
    assert summary(scheduler.submit(job("1", model="a"))) == ["1>other"]
    assert summary(scheduler.submit(job("2", model="b"))) == ["2>shunned"]
    assert scheduler.submit(job("3", model="a")) == []
    assert summary(scheduler.set_health("other", healthy=False)) == ["3>shunned"]
