"""Jobs that wait or run and change: new forecasts, exits, retries."""

from __future__ import annotations

import pytest

from scheduler.actions import Dispatch
from scheduler.kv_report import KvReport
from scheduler.length import LengthDistribution
from tests.scheduler.builders import SEJF, job, running_count, spec, summary
from tests.scheduler.conftest import MakeScheduler


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
