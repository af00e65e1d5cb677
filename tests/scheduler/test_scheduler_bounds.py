"""The bounds of the queue, and who is admitted where room is scarce."""

from __future__ import annotations

from scheduler.actions import Reject
from tests.scheduler.builders import SEJF, job, running_count, spec, summary
from tests.scheduler.conftest import MakeScheduler


def test_a_full_queue_rejects_the_new_job(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=SEJF, max_waiting=2)
    for id in ("running", "a", "b"):
        scheduler.submit(job(id))
    one_more = job("c", tokens=1)
    assert scheduler.submit(one_more) == [Reject(one_more, "queue_full")]
    assert scheduler.waiting == 2
    assert summary(scheduler.release("running")) == ["a>w"]


def test_the_bound_on_waiting_jobs_spans_all_models(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(max_waiting=2)
    scheduler.submit(job("a", model="a"))
    scheduler.submit(job("b", model="b"))
    assert summary(scheduler.submit(job("c", model="c"))) == ["c!queue_full"]


def test_with_max_waiting_0_a_free_worker_still_takes_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], max_waiting=0)
    assert summary(scheduler.submit(job("a"))) == ["a>w"]
    assert summary(scheduler.submit(job("b"))) == ["b!queue_full"]


def test_a_job_that_still_waits_at_its_deadline_is_rejected(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("running", deadline=5))
    scheduler.submit(job("a", deadline=10))
    scheduler.submit(job("b", deadline=20))
    scheduler.submit(job("patient"))
    assert scheduler.expire(9.9) == []
    assert summary(scheduler.expire(10)) == ["a!queue_timeout"]
    assert summary(scheduler.expire(1000)) == ["b!queue_timeout"]
    assert (running_count(scheduler), scheduler.waiting) == (1, 1)


def test_the_jobs_behind_an_expired_wide_job_go_at_once(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=4)])
    scheduler.submit(job("running", arrival=0, sequences=2))
    scheduler.submit(job("wide", arrival=1, sequences=4, deadline=10))
    scheduler.submit(job("narrow", arrival=2))
    assert summary(scheduler.expire(10)) == ["wide!queue_timeout", "narrow>w"]


def test_deadlines_hold_after_thousands_of_released_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.submit(job("early", deadline=10))
    for n in range(3000):
        scheduler.submit(job(f"gone{n}", deadline=15))
        scheduler.release(f"gone{n}")
    scheduler.submit(job("late", deadline=20))
    assert summary(scheduler.expire(9)) == []
    assert summary(scheduler.expire(15)) == ["early!queue_timeout"]


# Admission


def test_a_wide_job_is_not_passed_by_narrow_jobs_of_another_model_on_its_worker(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(models="ab", slots=4)])
    scheduler.submit(job("b0", model="b", arrival=0, sequences=2))
    scheduler.submit(job("wide", model="a", arrival=1, sequences=4))
    assert scheduler.submit(job("b1", model="b", arrival=2, sequences=2)) == []
    assert summary(scheduler.release("b0")) == ["wide>w"]


def test_a_job_that_needs_much_memory_does_not_starve_beside_small_jobs_of_another_model(
    make_scheduler: MakeScheduler,
) -> None:
    # Two small jobs fit the cache with full caution; the large job fits beside no small job.
    two_models = spec(models="ab", slots=9, kv_tokens=1000)
    scheduler = make_scheduler([two_models], full_caution=0)
    for n in range(2):
        scheduler.submit(job(f"small{n}", model="b", arrival=n, prompt=400, tokens=10))
    assert scheduler.submit(job("large", model="a", arrival=2, prompt=700, tokens=10)) == []
    sent = []
    for n in range(2, 100):
        scheduler.submit(job(f"small{n}", model="b", arrival=n + 1, prompt=400, tokens=10))
        sent += summary(scheduler.release(f"small{n - 2}"))
    assert sent[0] == "large>w", "the large job goes before every later small job"


def test_a_worker_of_another_model_is_not_reserved_for_the_first_job(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec("v", models="a"), spec("w", models="b")])
    scheduler.submit(job("running", model="a", arrival=0))
    scheduler.submit(job("first", model="a", arrival=1))
    assert summary(scheduler.submit(job("b", model="b", arrival=2))) == ["b>w"]


def test_a_burst_fills_a_cache_and_a_lasting_queue_leaves_room_to_grow(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=100, kv_tokens=1000, kv_block=1)])

    def running_of_burst(number: int) -> int:
        for at in range(6):
            scheduler.submit(job(f"{number}-{at}", prompt=220, tokens=48))
        running = running_count(scheduler)
        for at in range(6):
            scheduler.release(f"{number}-{at}", 48)
        return running

    assert running_of_burst(0) == 4, "at first all that the cache has room for now"
    for number in range(1, 60):
        running_of_burst(number)
    assert running_of_burst(60) == 3, "four would grow to 1008 of 1000 tokens"


def test_an_overfull_cache_counts_as_a_queue(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=9, kv_tokens=1000)])
    worker = scheduler.workers["w"]
    scheduler.submit(job("a", prompt=700, tokens=400))
    assert not worker.overfull
    scheduler.progress("a", 320)
    assert worker.overfull
    scheduler.submit(job("b", prompt=700))
    share = scheduler._traffic.queueing_share
    assert share.caution("m") > 0


def test_arrivals_that_meet_no_queue_keep_admission_bold(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=100, kv_tokens=1000, kv_block=1)])
    for n in range(100):
        scheduler.submit(job(f"alone{n}", prompt=440, tokens=100))
        scheduler.release(f"alone{n}")
    scheduler.submit(job("a", prompt=440, tokens=100))
    assert summary(scheduler.submit(job("b", prompt=440, tokens=100))) == ["b>w"]


def test_a_rejected_job_keeps_no_worker_from_the_others(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(
        [spec("v", slots=4, engine_queue=0), spec("w", slots=4, engine_queue=0)],
        policy=SEJF,
        max_waiting=2,
    )
    assert summary(scheduler.submit(job("a", sequences=4))) == ["a>v"]
    assert summary(scheduler.submit(job("b", sequences=2))) == ["b>w"]
    scheduler.submit(job("wide", sequences=4, tokens=200))  # waits for w
    scheduler.submit(job("long", tokens=5000))  # has room at w behind it
    shorter = job("shorter", sequences=4, tokens=50)  # would wait for w, and "wide" for v
    assert summary(scheduler.submit(shorter)) == ["shorter!queue_full", "long>w"]
