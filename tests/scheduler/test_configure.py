"""New settings while jobs wait and run: a new order, new bounds, and every job keeps its place."""

from __future__ import annotations

from scheduler.actions import Reject
from scheduler.policy import expected_output, fcfs
from scheduler.queue_bounds import QueueBounds
from tests.scheduler.builders import job, spec, summary
from tests.scheduler.conftest import MakeScheduler

BOUNDS = QueueBounds()


def test_waiting_jobs_are_ordered_by_the_new_policy(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=fcfs)
    scheduler.submit(job("runs"))
    scheduler.submit(job("long", arrival=1, tokens=900))
    scheduler.submit(job("short", arrival=2, tokens=9))
    actions = scheduler.configure(expected_output, BOUNDS, slack=0.0, no_worker_grace=10)
    assert actions == []
    assert summary(scheduler.release("runs")) == ["short>w"]
    assert summary(scheduler.release("short")) == ["long>w"]


def test_a_job_that_is_queued_again_has_its_key_by_the_new_policy(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()], policy=fcfs)
    scheduler.submit(job("long", tokens=900))
    scheduler.submit(job("short", arrival=1, tokens=9))
    scheduler.configure(expected_output, BOUNDS, slack=0.0, no_worker_grace=10)
    assert summary(scheduler.requeue("long")) == ["short>w"]


def test_the_same_policy_keeps_the_order_of_equal_jobs(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler([spec()], policy=expected_output)
    for name in ("runs", "first", "second"):
        scheduler.submit(job(name))
    scheduler.configure(expected_output, BOUNDS, slack=0.0, no_worker_grace=10)
    assert summary(scheduler.release("runs")) == ["first>w"]


def test_accepted_jobs_stay_beyond_lower_bounds_and_new_ones_are_rejected(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec()])
    for name in ("runs", "first", "second"):
        scheduler.submit(job(name))
    scheduler.configure(fcfs, QueueBounds(1), slack=0.0, no_worker_grace=10)
    assert scheduler.waiting == 2
    [action] = scheduler.submit(job("late"))
    assert isinstance(action, Reject)
    assert action.reason == "queue_full"


def test_the_grace_without_a_worker_is_the_new_one(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler(no_worker_grace=100)
    scheduler.submit(job("waits"))
    assert scheduler.expire(1.0) == []
    scheduler.configure(fcfs, BOUNDS, slack=0.0, no_worker_grace=2)
    [action] = scheduler.expire(4.0)
    assert isinstance(action, Reject)
    assert action.reason == "no_healthy_worker"


def test_the_bounds_name_what_is_broken() -> None:
    bounds = QueueBounds(10, 5)
    assert bounds.broken(10, 5) is None
    assert bounds.broken(11, 1) == "queue_full"
    assert bounds.broken(7, 6) == "tenant_queue_full"
    assert QueueBounds(10).broken(10, 10) is None
