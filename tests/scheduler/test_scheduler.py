"""Which job goes to which worker, in small scenarios."""

from __future__ import annotations

import pytest

from scheduler.actions import Dispatch, Reject
from scheduler.kv_report import KvReport
from scheduler.length import LengthDistribution
from scheduler.policy import sejf
from tests.scheduler.builders import job, running_count, spec, summary
from tests.scheduler.conftest import MakeScheduler

SEJF = sejf(0.03)


# Dispatch


def test_a_job_with_room_goes_at_once(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    assert summary(scheduler.submit(job("a"))) == ["a>w"]
    assert (scheduler.waiting, running_count(scheduler)) == (0, 1)


def test_a_job_without_room_waits_until_a_slot_is_released(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("a"))
    assert scheduler.submit(job("b")) == []
    assert scheduler.waiting == 1
    assert summary(scheduler.release("a")) == ["b>w"]
    assert scheduler.waiting == 0


def test_the_shortest_goes_first(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=SEJF)
    scheduler.submit(job("running"))
    for id, tokens in [("long", 900), ("short", 10), ("middle", 80)]:
        scheduler.submit(job(id, tokens=tokens))
    order = [summary(scheduler.release(id)) for id in ("running", "short", "middle")]
    assert order == [["short>w"], ["middle>w"], ["long>w"]]


def test_jobs_of_equal_key_go_in_the_order_in_which_they_came(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=3)])
    scheduler.set_health("w", healthy=False)
    for id in "bac":
        scheduler.submit(job(id))
    assert summary(scheduler.set_health("w", healthy=True)) == ["b>w", "a>w", "c>w"]


def test_a_job_goes_to_the_worker_with_the_least_load(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("small", slots=2), spec("large", slots=8)])
    sent = [summary(scheduler.submit(job(f"j{n}")))[0].split(">")[1] for n in range(10)]
    assert sent.count("small") == 2
    assert sent[1:4] == ["large"] * 3, "1/2 of the small worker is more than 3/8 of the large one"


def test_used_kv_memory_counts_as_load(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(id, slots=8, kv_tokens=1000) for id in ("v", "w")])
    scheduler.submit(job("wide", prompt=900))
    assert summary([*scheduler.submit(job("b")), *scheduler.submit(job("c"))]) == ["b>w", "c>w"]


def test_a_job_goes_only_to_a_worker_of_its_model(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("v", models="a"), spec("w", models="b")])
    assert summary(scheduler.submit(job("j", model="b"))) == ["j>w"]
    assert scheduler.submit(job("k", model="b")) == []


def test_a_job_for_one_worker_waits_for_it_and_holds_up_no_other(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec("v"), spec("w")])
    assert summary(scheduler.submit(job("a", worker="w"))) == ["a>w"]
    assert scheduler.submit(job("b", worker="w", arrival=1)) == []
    assert summary(scheduler.submit(job("c", arrival=2))) == ["c>v"]
    assert scheduler.submit(job("d", arrival=3)) == []
    assert scheduler.waiting_jobs.by_model() == {"m": 2}
    assert scheduler.waiting_jobs.oldest_arrivals() == {"m": 1}
    assert summary(scheduler.release("c")) == ["d>v"]
    assert summary(scheduler.release("a")) == ["b>w"]


def test_a_job_for_one_worker_keeps_its_place_before_later_jobs(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec("w")])
    scheduler.submit(job("a"))
    scheduler.submit(job("b", arrival=1, worker="w"))
    scheduler.submit(job("c", arrival=2))
    assert summary(scheduler.release("a")) == ["b>w"]


def test_a_model_without_room_does_not_hold_up_another(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("v", models="a"), spec("w", models="b")])
    scheduler.submit(job("a1", model="a"))
    scheduler.submit(job("a2", model="a"))
    assert summary(scheduler.submit(job("b1", model="b"))) == ["b1>w"]
    assert scheduler.waiting_jobs.by_model() == {"a": 1}


def test_models_that_share_a_worker_share_it_by_key(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(models="ab")], policy=SEJF)
    scheduler.submit(job("running", model="a"))
    scheduler.submit(job("long", model="a", tokens=500))
    scheduler.submit(job("short", model="b", tokens=5))
    assert summary(scheduler.release("running")) == ["short>w"]


def test_a_wide_job_is_not_passed_by_a_narrow_one_of_its_model(
    make_scheduler: MakeScheduler,
) -> None:
    # Otherwise narrow jobs could pass the wide job for ever.
    scheduler = make_scheduler([spec(slots=4)])
    scheduler.submit(job("running", arrival=0, sequences=2))
    scheduler.submit(job("wide", arrival=1, sequences=4))
    assert scheduler.submit(job("narrow", arrival=2)) == []
    assert summary(scheduler.release("running")) == ["wide>w"]


def test_the_jobs_behind_a_released_wide_job_go_at_once(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=4)])
    scheduler.submit(job("running", arrival=0, sequences=2))
    scheduler.submit(job("wide", arrival=1, sequences=4))
    scheduler.submit(job("narrow", arrival=2))
    assert summary(scheduler.release("wide")) == ["narrow>w"]


def test_long_jobs_go_in_order_of_arrival_whichever_of_a_workers_models_they_ask_for(
    make_scheduler: MakeScheduler,
) -> None:
    # The answers of model b are all long: beside its own mean, the long job would not be long.
    scheduler = make_scheduler([spec(models="ab")], policy=SEJF)
    scheduler.submit(job("running", model="b"))
    for n in range(40):
        model, tokens = ("a", 100) if n % 4 else ("b", 3000)
        scheduler.submit(job(f"j{n}", model=model, tokens=tokens))
        scheduler.release(f"j{n}")
    scheduler.submit(job("long", model="b", arrival=1, tokens=3000))
    scheduler.submit(job("later", model="a", arrival=2, tokens=1500))
    assert summary(scheduler.release("running")) == ["long>w"]


def test_models_on_workers_of_their_own_have_a_level_of_their_own(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec("v", models="a"), spec("w", models="b")], policy=SEJF)
    scheduler.submit(job("running", model="b"))
    for n in range(40):
        model, tokens = ("a", 100) if n % 4 else ("b", 3000)
        scheduler.submit(job(f"j{n}", model=model, tokens=tokens))
        scheduler.release(f"j{n}")
    scheduler.submit(job("long", model="b", arrival=1, tokens=3000))
    scheduler.submit(job("shorter", model="b", arrival=2, tokens=1500))
    assert summary(scheduler.release("running")) == ["shorter>w"]


def test_a_dispatch_carries_the_policys_key(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=SEJF)
    sent = job("a", arrival=100, tokens=30)
    (action,) = scheduler.submit(sent)
    assert action == Dispatch(sent, "w", SEJF(sent))


@pytest.mark.parametrize("second", ["running", "waiting"])
def test_a_job_cannot_be_submitted_twice(make_scheduler: MakeScheduler, second: str) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("running"))
    scheduler.submit(job("waiting"))
    with pytest.raises(ValueError, match=f"'{second}' is already here"):
        scheduler.submit(job(second))


def test_the_earliest_arrival_is_known_by_model(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    assert scheduler.waiting_jobs.oldest_arrivals() == {}
    for id, model, arrival in [("a", "m", 5), ("b", "m", 3), ("c", "n", 9)]:
        scheduler.submit(job(id, model=model, arrival=arrival))
    assert scheduler.waiting_jobs.oldest_arrivals() == {"m": 3, "n": 9}
    scheduler.release("b")
    scheduler.release("c")
    assert scheduler.waiting_jobs.oldest_arrivals() == {"m": 5}


# Forecasts


def test_a_better_forecast_moves_a_waiting_job(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=SEJF)
    scheduler.submit(job("running"))
    scheduler.submit(job("a", tokens=50))
    scheduler.submit(job("b", tokens=60))
    assert scheduler.reprice("b", LengthDistribution.point(40)) == []
    assert summary(scheduler.release("running")) == ["b>w"]


def test_a_shorter_forecast_may_make_a_job_fit(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=9, kv_tokens=1000)], full_caution=0)
    scheduler.submit(job("running", prompt=500))
    scheduler.submit(job("a", tokens=5000))
    assert summary(scheduler.reprice("a", LengthDistribution.point(20))) == ["a>w"]


def test_a_new_forecast_changes_no_running_or_unknown_job(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()])
    running = job("a", tokens=50)
    scheduler.submit(running)
    assert scheduler.reprice("a", LengthDistribution.point(9)) == []
    assert scheduler.reprice("stranger", LengthDistribution.point(9)) == []
    assert running.length == LengthDistribution.point(50)


def test_an_answer_that_grows_beyond_its_forecast_keeps_the_next_job_waiting(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=9, kv_tokens=1000)], full_caution=0)
    scheduler.submit(job("a", prompt=0, tokens=100))
    assert scheduler.progress("a", 800) == []
    assert scheduler.submit(job("b", prompt=500)) == []
    assert summary(scheduler.release("a")) == ["b>w"]


def test_a_job_about_to_end_lets_the_next_job_in(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=9, kv_tokens=1000)], full_caution=0)
    scheduler.submit(job("a", prompt=500, tokens=300))
    assert scheduler.submit(job("b", prompt=100, tokens=400)) == []
    assert summary(scheduler.progress("a", 300)) == ["b>w"]


def test_a_report_of_shared_prefixes_lets_the_next_job_in(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=9, kv_tokens=1000)], full_caution=0)
    scheduler.submit(job("a", prompt=600, tokens=20))
    assert scheduler.submit(job("b", prompt=600, tokens=20)) == []
    reports = [summary(scheduler.observe_kv("w", KvReport(100, prefix_hits=0.9))) for _ in range(9)]
    assert reports.count(["b>w"]) == 1


# Exits and retries


def test_a_released_job_may_be_released_again(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("a"))
    scheduler.release("a")
    assert scheduler.release("a") == []
    assert scheduler.release("stranger") == []
    assert running_count(scheduler) == 0


def test_a_failed_job_waits_again_with_its_old_key(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("v"), spec("w")])
    failed = job("a", arrival=1)
    (first,) = scheduler.submit(failed)
    scheduler.submit(job("b", arrival=2))
    scheduler.submit(job("c", arrival=3))
    scheduler.progress("a", 12)
    scheduler.set_health("v", healthy=False)
    assert scheduler.requeue("a") == []
    assert failed.attained == 0
    (again,) = scheduler.release("b")
    assert isinstance(first, Dispatch)
    assert again == Dispatch(failed, "w", first.key)


def test_a_failed_job_goes_at_once_where_there_is_room(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("v"), spec("w")])
    scheduler.submit(job("a"))
    scheduler.set_health("v", healthy=False)
    assert summary(scheduler.requeue("a")) == ["a>w"]


def test_a_failed_job_goes_back_into_a_full_queue(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], max_waiting=1)
    scheduler.submit(job("a", arrival=1))
    scheduler.submit(job("b", arrival=2))
    scheduler.set_health("w", healthy=False)
    assert scheduler.requeue("a") == []
    assert summary(scheduler.submit(job("c", arrival=3))) == ["c!queue_full"]
    assert summary(scheduler.set_health("w", healthy=True)) == ["a>w"]


def test_a_turn_is_the_mean_service_time_of_answered_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    initial = scheduler.turn_seconds
    scheduler.submit(job("hung up"))
    scheduler.release("hung up")
    assert scheduler.turn_seconds == initial
    for n in range(1000):
        scheduler.submit(job(f"answered{n}"))
        scheduler.release(f"answered{n}", service_s=2.0)
    assert scheduler.turn_seconds == pytest.approx(2.0, rel=0.2)


# Bounds


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
