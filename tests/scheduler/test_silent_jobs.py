"""The progress of answers that are not streamed: estimated by the pace of their worker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.job import Job
from scheduler.pace import Pace
from scheduler.scheduler import Scheduler
from scheduler.silent_jobs import LEAST_TOKENS, TICK_S, SilentJobs
from tests.scheduler.builders import job, spec
from tests.scheduler.conftest import MakeScheduler


def silent(name: str, tokens: float = 1000) -> Job:
    return replace(job(name, tokens=tokens), streams=False)


def test_streamed_answers_give_the_pace_of_silent_ones_on_the_same_worker() -> None:
    jobs, w = SilentJobs(), Pace()
    jobs.begin(job("streamed"), w)
    jobs.begin(silent("silent"), w)
    jobs.begin(silent("elsewhere"), Pace())
    jobs.now = 5.0
    jobs.report("streamed", 16)  # the wait in the engine and the prefill do not count
    jobs.now = 6.0
    jobs.report("streamed", 36)
    assert dict(jobs.grown(10.0)) == {"silent": 200, "elsewhere": 0}


def test_ended_silent_answers_give_the_pace_where_none_is_streamed() -> None:
    jobs, w = SilentJobs(), Pace()
    jobs.begin(silent("first"), w)
    jobs.now = 4.0
    jobs.end("first", 80)
    jobs.begin(silent("second"), w)
    assert dict(jobs.grown(6.0)) == {"second": 40}


def test_an_end_without_a_count_tells_nothing_of_the_pace() -> None:
    jobs, w = SilentJobs(), Pace()
    jobs.begin(silent("first"), w)
    jobs.now = 4.0
    jobs.end("first")
    jobs.begin(silent("second"), w)
    assert dict(jobs.grown(6.0)) == {"second": 0}


def test_an_answer_of_a_few_tokens_tells_of_its_wait_and_not_of_the_pace() -> None:
    jobs, w = SilentJobs(), Pace()
    for name in ("a", "b", "c", "d"):
        jobs.begin(silent(name), w)
    jobs.now = 4.0
    jobs.end("a", 80)
    for name in ("b", "c", "d"):
        jobs.end(name, LEAST_TOKENS - 1)
    jobs.begin(silent("next"), w)
    assert dict(jobs.grown(6.0)) == {"next": 40}
    assert LEAST_TOKENS < 16, "answers of a sentence do tell"


def test_an_estimate_stays_below_the_longest_possible_answer() -> None:
    jobs, w = SilentJobs(), Pace()
    jobs.begin(silent("first"), w)
    jobs.now = 1.0
    jobs.end("first", 100)
    jobs.begin(silent("second", tokens=30), w)
    assert dict(jobs.grown(50.0)) == {"second": 29}


def test_estimates_come_at_most_every_tick() -> None:
    jobs, w = SilentJobs(), Pace()
    jobs.begin(silent("a"), w)
    assert len(list(jobs.grown(1.0))) == 1
    assert list(jobs.grown(1.0 + TICK_S / 2)) == []
    assert len(list(jobs.grown(1.0 + TICK_S))) == 1


def test_a_silent_answer_grows_by_the_clock_and_lets_the_next_job_in(
    make_scheduler: MakeScheduler,
) -> None:
    scheduler = make_scheduler([spec(slots=9, kv_tokens=1110)], full_caution=0)
    taught(scheduler)
    scheduler.submit(replace(silent("a", tokens=300), prompt_tokens=600, arrival=10.0))
    assert scheduler.submit(job("b", prompt=100, tokens=400, arrival=10.0)) == []
    assert scheduler.tick(20.0) == []
    (action,) = scheduler.tick(10.0 + 29.8)
    assert action.job.id == "b"
    assert scheduler.workers["w"].work < 500


def taught(scheduler: Scheduler) -> None:
    """The worker has answered ten tokens a second."""
    scheduler.submit(silent("teacher"))
    scheduler.tick(10.0)
    scheduler.release("teacher", 100)


def test_a_change_of_pace_changes_no_estimate_of_the_time_before() -> None:
    jobs, w = SilentJobs(), Pace()
    jobs.begin(silent("first"), w)
    jobs.begin(silent("long", tokens=5000), w)
    jobs.now = 10.0
    jobs.end("first", 100)
    assert dict(jobs.grown(140.0)) == {"long": 1400}
    for n in range(100):
        jobs.begin(silent(f"slow{n}"), w)
    jobs.now = 150.0
    for n in range(100):
        jobs.end(f"slow{n}", 50)
    assert dict(jobs.grown(150.0)) == {"long": 1500}
    ((_, later),) = jobs.grown(250.0)
    assert later == pytest.approx(1500 + 500, rel=0.03)
