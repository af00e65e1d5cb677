"""Which job goes to which worker, in small scenarios."""

from __future__ import annotations

import pytest

from scheduler.actions import Dispatch
from tests.scheduler.builders import SEJF, job, running_count, spec, summary
from tests.scheduler.conftest import MakeScheduler


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


def test_a_new_job_ahead_of_those_that_wait_may_go(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec(slots=4, engine_queue=0)], policy=SEJF)
    scheduler.submit(job("runs", sequences=2))
    for number in range(5):
        assert not scheduler.submit(job(f"wide {number}", tokens=500 + number, sequences=3))
    assert not scheduler.submit(job("behind", tokens=900))
    assert [action.job.id for action in scheduler.submit(job("ahead", tokens=5))] == ["ahead"]


def test_a_new_job_goes_to_a_worker_that_is_back_after_the_queue_was_empty(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()])
    scheduler.set_health("w", False)
    scheduler.submit(job("1"))
    scheduler.release("1")
    scheduler.set_health("w", True)
    assert summary(scheduler.submit(job("2", tokens=900))) == ["2>w"]


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
