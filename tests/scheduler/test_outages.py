"""Jobs of models that no healthy worker serves."""

from __future__ import annotations

from scheduler.job import QueueName
from scheduler.outages import KEPT_S, Outages
from tests.scheduler.builders import job, spec, summary
from tests.scheduler.conftest import MakeScheduler


def test_jobs_of_a_model_without_a_worker_wait_for_the_grace(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler(no_worker_grace=10)
    scheduler.submit(job("a"))
    assert scheduler.expire(100) == []
    assert scheduler.expire(109) == []
    assert summary(scheduler.expire(110)) == ["a!no_healthy_worker"]


def test_a_worker_back_within_the_grace_takes_the_waiting_jobs(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=2)], no_worker_grace=10)
    scheduler.set_health("w", healthy=False)
    scheduler.submit(job("a"))
    scheduler.expire(100)
    assert summary(scheduler.set_health("w", healthy=True)) == ["a>w"]
    scheduler.set_health("w", healthy=False)
    scheduler.submit(job("b"))
    assert scheduler.expire(111) == [], "the grace began anew"
    assert summary(scheduler.expire(121)) == ["b!no_healthy_worker"]


def test_after_the_grace_new_jobs_are_rejected_at_once_until_a_worker_is_back(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()], no_worker_grace=10)
    scheduler.set_health("w", healthy=False)
    scheduler.submit(job("a"))
    scheduler.expire(100)
    scheduler.expire(110)
    assert summary(scheduler.submit(job("b"))) == ["b!no_healthy_worker"]
    scheduler.set_health("w", healthy=True)
    assert summary(scheduler.submit(job("c"))) == ["c>w"]


def test_a_new_worker_ends_the_rejection(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(no_worker_grace=0)
    scheduler.submit(job("a"))
    assert summary(scheduler.expire(0)) == ["a!no_healthy_worker"]
    scheduler.set_worker(spec())
    assert summary(scheduler.submit(job("b"))) == ["b>w"]


def test_only_the_model_without_a_worker_is_rejected(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(models="b")], no_worker_grace=0)
    scheduler.submit(job("running", model="b"))
    scheduler.submit(job("a", model="a"))
    scheduler.submit(job("b", model="b"))
    assert summary(scheduler.expire(1)) == ["a!no_healthy_worker"]
    assert scheduler.waiting_jobs.by_model() == {"b": 1}


def test_a_job_for_a_worker_that_is_down_waits_for_the_grace_and_others_go_on(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec("v", slots=2), spec("w")], no_worker_grace=10)
    scheduler.set_health("w", healthy=False)
    assert scheduler.submit(job("a", worker="w")) == []
    assert summary(scheduler.submit(job("b"))) == ["b>v"]
    scheduler.expire(100)
    assert summary(scheduler.expire(110)) == ["a!no_healthy_worker"]
    assert summary(scheduler.submit(job("c", worker="w"))) == ["c!no_healthy_worker"]
    assert summary(scheduler.submit(job("d"))) == ["d>v"]
    scheduler.set_health("w", healthy=True)
    assert summary(scheduler.submit(job("e", worker="w"))) == ["e>w"]


def test_an_outage_that_no_job_meets_for_long_is_forgotten() -> None:
    outages, asked = Outages(grace=10), QueueName("m", "asked")
    for n in range(20):  # workers that have gone for good
        now = n * KEPT_S / 5
        outages.note(asked, now)
        outages.note(QueueName("m", f"gone{n}"), now)
        assert outages.note(QueueName("m", f"gone{n}"), now + 10)
        assert len(outages) <= 7
    assert outages.rejects(asked, now), "jobs have come for it all the time"
    assert outages.rejects(QueueName("m", "gone18"), now)
    assert not outages.rejects(QueueName("m", "gone1"), now)
