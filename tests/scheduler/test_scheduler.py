"""Who goes where, in scenarios small enough to follow."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from scheduler.actions import Action, Dispatch, Reject
from scheduler.length import LengthDistribution
from scheduler.policy import sejf
from tests.scheduler.builders import job, running_count, spec
from tests.scheduler.conftest import MakeScheduler

SEJF = sejf(0.03)


def told(actions: Iterable[Action]) -> list[str]:
    """What the actions say: ``a>w`` sends a to w, ``a!deadline`` rejects it."""
    return [
        f"{action.job.id}>{action.worker_id}"
        if isinstance(action, Dispatch)
        else f"{action.job.id}!{action.reason}"
        for action in actions
    ]


# Dispatch


def test_a_job_that_finds_room_goes_at_once(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    assert told(scheduler.submit(job("a"))) == ["a>w"]
    assert (scheduler.waiting, running_count(scheduler)) == (0, 1)


def test_a_job_that_finds_none_waits_until_a_place_is_released(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("a"))
    assert scheduler.submit(job("b")) == []
    assert scheduler.waiting == 1
    assert told(scheduler.release("a")) == ["b>w"]
    assert scheduler.waiting == 0


def test_the_shortest_goes_first(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=SEJF)
    scheduler.submit(job("running"))
    for id, tokens in [("long", 900), ("short", 10), ("middle", 80)]:
        scheduler.submit(job(id, tokens=tokens))
    order = [told(scheduler.release(id)) for id in ("running", "short", "middle")]
    assert order == [["short>w"], ["middle>w"], ["long>w"]]


def test_jobs_of_equal_key_go_in_the_order_in_which_they_came(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=3)])
    scheduler.set_health("w", healthy=False)
    for id in "bac":
        scheduler.submit(job(id))
    assert told(scheduler.set_health("w", healthy=True)) == ["b>w", "a>w", "c>w"]


def test_a_job_goes_to_the_worker_with_the_least_load(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("small", slots=2), spec("large", slots=8)])
    sent = [told(scheduler.submit(job(f"j{n}")))[0].split(">")[1] for n in range(10)]
    assert sent.count("small") == 2
    assert sent[1:4] == ["large"] * 3, "1/2 of the small worker is more than 3/8 of the large one"


def test_full_kv_memory_is_load(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(id, slots=8, kv_tokens=1000) for id in ("v", "w")])
    scheduler.submit(job("wide", prompt=900))
    assert told([*scheduler.submit(job("b")), *scheduler.submit(job("c"))]) == ["b>w", "c>w"]


def test_a_job_goes_only_where_its_model_is_served(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("v", models="a"), spec("w", models="b")])
    assert told(scheduler.submit(job("j", model="b"))) == ["j>w"]
    assert scheduler.submit(job("k", model="b")) == []


def test_a_model_without_room_does_not_hold_up_another(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec("v", models="a"), spec("w", models="b")])
    scheduler.submit(job("a1", model="a"))
    scheduler.submit(job("a2", model="a"))
    assert told(scheduler.submit(job("b1", model="b"))) == ["b1>w"]
    assert scheduler.waiting_by_model() == {"a": 1}


def test_models_that_share_a_worker_share_it_by_key(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(models="ab")], policy=SEJF)
    scheduler.submit(job("running", model="a"))
    scheduler.submit(job("long", model="a", tokens=500))
    scheduler.submit(job("short", model="b", tokens=5))
    assert told(scheduler.release("running")) == ["short>w"]


def test_a_wide_job_is_not_passed_by_a_narrow_one_of_its_model(
    make_scheduler: MakeScheduler,
) -> None:
    # It would starve: something narrow could always be squeezed in.
    scheduler = make_scheduler([spec(slots=4)])
    scheduler.submit(job("running", arrival=0, sequences=2))
    scheduler.submit(job("wide", arrival=1, sequences=4))
    assert scheduler.submit(job("narrow", arrival=2)) == []
    assert told(scheduler.release("running")) == ["wide>w"]


def test_a_wide_job_that_gives_up_lets_those_behind_it_go(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=4)])
    scheduler.submit(job("running", arrival=0, sequences=2))
    scheduler.submit(job("wide", arrival=1, sequences=4))
    scheduler.submit(job("narrow", arrival=2))
    assert told(scheduler.release("wide")) == ["narrow>w"]


def test_the_key_of_a_dispatch_is_the_policys(make_scheduler: MakeScheduler) -> None:
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


def test_the_longest_wait_is_told_for_each_model(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    assert scheduler.oldest_arrivals() == {}
    for id, model, arrival in [("a", "m", 5), ("b", "m", 3), ("c", "n", 9)]:
        scheduler.submit(job(id, model=model, arrival=arrival))
    assert scheduler.oldest_arrivals() == {"m": 3, "n": 9}
    scheduler.release("b")
    scheduler.release("c")
    assert scheduler.oldest_arrivals() == {"m": 5}


# Forecasts


def test_a_better_forecast_moves_a_waiting_job(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=SEJF)
    scheduler.submit(job("running"))
    scheduler.submit(job("a", tokens=50))
    scheduler.submit(job("b", tokens=60))
    assert scheduler.reprice("b", LengthDistribution.point(40)) == []
    assert told(scheduler.release("running")) == ["b>w"]


def test_a_shorter_forecast_may_make_a_job_fit(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=9, kv_tokens=1000)])
    scheduler.submit(job("running", prompt=500))
    scheduler.submit(job("a", tokens=5000))
    assert told(scheduler.reprice("a", LengthDistribution.point(20))) == ["a>w"]


def test_a_new_forecast_leaves_a_running_job_and_a_stranger_as_they_are(
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
    scheduler = make_scheduler([spec(slots=9, kv_tokens=1000)])
    scheduler.submit(job("a", prompt=0, tokens=100))
    assert scheduler.progress("a", 800) == []
    assert scheduler.submit(job("b", prompt=500)) == []
    assert told(scheduler.release("a")) == ["b>w"]


# Exits and retries


def test_a_job_that_is_gone_may_be_released_again(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("a"))
    scheduler.release("a")
    assert scheduler.release("a") == []
    assert scheduler.release("stranger") == []
    assert running_count(scheduler) == 0


def test_a_failed_job_waits_again_in_its_old_place(make_scheduler: MakeScheduler) -> None:
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
    assert told(scheduler.requeue("a")) == ["a>w"]


def test_a_failed_job_is_taken_back_into_a_full_queue(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], max_waiting=1)
    scheduler.submit(job("a", arrival=1))
    scheduler.submit(job("b", arrival=2))
    scheduler.set_health("w", healthy=False)
    assert scheduler.requeue("a") == []
    assert told(scheduler.submit(job("c", arrival=3))) == ["c!queue_full"]
    assert told(scheduler.set_health("w", healthy=True)) == ["a>w"]


# Bounds


def test_a_full_queue_rejects_the_one_who_comes(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=SEJF, max_waiting=2)
    for id in ("running", "a", "b"):
        scheduler.submit(job(id))
    one_more = job("c", tokens=1)
    assert scheduler.submit(one_more) == [Reject(one_more, "queue_full")]
    assert scheduler.waiting == 2
    assert told(scheduler.release("running")) == ["a>w"]


def test_the_bound_is_on_all_models_together(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(max_waiting=2)
    scheduler.submit(job("a", model="a"))
    scheduler.submit(job("b", model="b"))
    assert told(scheduler.submit(job("c", model="c"))) == ["c!queue_full"]


def test_without_a_queue_a_free_worker_still_takes_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], max_waiting=0)
    assert told(scheduler.submit(job("a"))) == ["a>w"]
    assert told(scheduler.submit(job("b"))) == ["b!queue_full"]


def test_a_job_that_still_waits_at_its_deadline_is_rejected(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.submit(job("running", deadline=5))
    scheduler.submit(job("a", deadline=10))
    scheduler.submit(job("b", deadline=20))
    scheduler.submit(job("patient"))
    assert scheduler.expire(9.9) == []
    assert told(scheduler.expire(10)) == ["a!queue_timeout"]
    assert told(scheduler.expire(1000)) == ["b!queue_timeout"]
    assert (running_count(scheduler), scheduler.waiting) == (1, 1)


def test_a_wide_job_that_expires_lets_those_behind_it_go(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=4)])
    scheduler.submit(job("running", arrival=0, sequences=2))
    scheduler.submit(job("wide", arrival=1, sequences=4, deadline=10))
    scheduler.submit(job("narrow", arrival=2))
    assert told(scheduler.expire(10)) == ["wide!queue_timeout", "narrow>w"]


def test_deadlines_hold_among_thousands_that_gave_up(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.submit(job("early", deadline=10))
    for n in range(3000):
        scheduler.submit(job(f"gone{n}", deadline=15))
        scheduler.release(f"gone{n}")
    scheduler.submit(job("late", deadline=20))
    assert told(scheduler.expire(9)) == []
    assert told(scheduler.expire(15)) == ["early!queue_timeout"]


# Workers that come and go


def test_a_model_without_a_worker_waits_for_the_grace_and_no_longer(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler(no_worker_grace=10)
    scheduler.submit(job("a"))
    assert scheduler.expire(100) == []
    assert scheduler.expire(109) == []
    assert told(scheduler.expire(110)) == ["a!no_healthy_worker"]


def test_a_worker_back_within_the_grace_takes_what_waits(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=2)], no_worker_grace=10)
    scheduler.set_health("w", healthy=False)
    scheduler.submit(job("a"))
    scheduler.expire(100)
    assert told(scheduler.set_health("w", healthy=True)) == ["a>w"]
    scheduler.set_health("w", healthy=False)
    scheduler.submit(job("b"))
    assert scheduler.expire(111) == [], "the grace began anew"
    assert told(scheduler.expire(121)) == ["b!no_healthy_worker"]


def test_after_the_grace_new_jobs_are_rejected_at_once_until_a_worker_is_back(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()], no_worker_grace=10)
    scheduler.set_health("w", healthy=False)
    scheduler.submit(job("a"))
    scheduler.expire(100)
    scheduler.expire(110)
    assert told(scheduler.submit(job("b"))) == ["b!no_healthy_worker"]
    scheduler.set_health("w", healthy=True)
    assert told(scheduler.submit(job("c"))) == ["c>w"]


def test_a_new_worker_ends_the_rejection_as_well(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(no_worker_grace=0)
    scheduler.submit(job("a"))
    assert told(scheduler.expire(0)) == ["a!no_healthy_worker"]
    scheduler.set_worker(spec())
    assert told(scheduler.submit(job("b"))) == ["b>w"]


def test_only_the_model_without_a_worker_is_rejected(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(models="b")], no_worker_grace=0)
    scheduler.submit(job("running", model="b"))
    scheduler.submit(job("a", model="a"))
    scheduler.submit(job("b", model="b"))
    assert told(scheduler.expire(1)) == ["a!no_healthy_worker"]
    assert scheduler.waiting_by_model() == {"b": 1}


def test_an_unhealthy_worker_gets_nothing_and_keeps_its_jobs(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=2)])
    scheduler.submit(job("a"))
    assert scheduler.set_health("w", healthy=False) == []
    assert scheduler.submit(job("b")) == []
    assert [job.id for job in scheduler.workers["w"]] == ["a"]
    assert told(scheduler.set_health("w", healthy=True)) == ["b>w"]


def test_a_worker_that_grows_takes_more_at_once(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=1)])
    for id in "abcd":
        scheduler.submit(job(id))
    assert told(scheduler.set_worker(spec(slots=3))) == ["b>w", "c>w"]


def test_a_worker_that_shrinks_drains_to_its_new_size(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=3)])
    for id in "abcd":
        scheduler.submit(job(id))
    scheduler.set_worker(spec(slots=1))
    released = [told(scheduler.release(id)) for id in "abc"]
    assert released == [[], [], ["d>w"]]


def test_a_worker_told_anew_keeps_its_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(models="a")])
    scheduler.submit(job("a1", model="a"))
    scheduler.submit(job("b1", model="b"))
    again = spec(models="b", slots=2, kv_tokens=10_000, engine_queue=1)
    assert told(scheduler.set_worker(again)) == ["b1>w"]
    known = scheduler.workers["w"]
    assert {running.id for running in known} == {"a1", "b1"}
    assert known.spec == again


def test_a_worker_told_while_down_stays_down(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.submit(job("a"))
    assert scheduler.set_worker(spec(), healthy=False) == []
    assert told(scheduler.set_worker(spec())) == ["a>w"]


def test_a_wide_job_is_not_passed_by_narrow_jobs_of_another_model_on_its_worker(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(models="ab", slots=4)])
    scheduler.submit(job("b0", model="b", arrival=0, sequences=2))
    scheduler.submit(job("wide", model="a", arrival=1, sequences=4))
    assert scheduler.submit(job("b1", model="b", arrival=2, sequences=2)) == []
    assert told(scheduler.release("b0")) == ["wide>w"]


def test_a_worker_that_cannot_run_the_first_job_is_free_for_another_model(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec("v", models="a"), spec("w", models="b")])
    scheduler.submit(job("running", model="a", arrival=0))
    scheduler.submit(job("first", model="a", arrival=1))
    assert told(scheduler.submit(job("b", model="b", arrival=2))) == ["b>w"]


def test_a_burst_fills_an_idle_workers_cache_and_a_lasting_queue_leaves_the_margin(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=100, kv_tokens=1000, kv_block=1)])

    def running_of_burst(number: int) -> int:
        for at in range(6):
            scheduler.submit(job(f"{number}-{at}", prompt=490, tokens=16))
        running = running_count(scheduler)
        for at in reversed(range(6)):
            scheduler.release(f"{number}-{at}")
        return running

    assert running_of_burst(0) == 2
    for number in range(1, 60):
        running_of_burst(number)
    assert running_of_burst(60) == 1, "980 of 1000 tokens are more than the planned share"
