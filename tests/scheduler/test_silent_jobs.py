"""The progress of answers that are not streamed: estimated by the pace of their worker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.job import Job
from scheduler.scheduler import Scheduler
from scheduler.silent_jobs import TICK_S, Pace, SilentJobs
from tests.scheduler.builders import job, spec
from tests.scheduler.conftest import MakeScheduler


def silent(name: str, tokens: float = 1000) -> Job:
    return replace(job(name, tokens=tokens), streams=False)


def test_a_pace_is_that_of_recent_answers() -> None:
    pace = Pace()
    assert pace.tokens_in(10.0) == 0
    pace.observe(100, 10.0)
    assert pace.tokens_in(1.0) == pytest.approx(10)
    for _ in range(200):
        pace.observe(100, 5.0)
    assert pace.tokens_in(1.0) == pytest.approx(20, rel=0.05)
    pace.observe(0, 50.0)
    assert pace.tokens_in(1.0) == pytest.approx(20, rel=0.05), "no token, no pace"


def test_streamed_answers_give_the_pace_of_silent_ones_on_the_same_worker() -> None:
    jobs = SilentJobs()
    jobs.begin(job("streamed"), "w")
    jobs.begin(silent("silent"), "w")
    jobs.begin(silent("elsewhere"), "v")
    jobs.now = 5.0
    jobs.report("streamed", 16)  # the wait in the engine and the prefill do not count
    jobs.now = 6.0
    jobs.report("streamed", 36)
    assert dict(jobs.grown(10.0)) == {"silent": 200, "elsewhere": 0}


def test_ended_silent_answers_give_the_pace_where_none_is_streamed() -> None:
    jobs = SilentJobs()
    jobs.begin(silent("first"), "w")
    jobs.now = 4.0
    jobs.end("first", 80)
    jobs.begin(silent("second"), "w")
    assert dict(jobs.grown(6.0)) == {"second": 40}


def test_an_end_without_a_count_tells_nothing_of_the_pace() -> None:
    jobs = SilentJobs()
    jobs.begin(silent("first"), "w")
    jobs.now = 4.0
    jobs.end("first")
    jobs.begin(silent("second"), "w")
    assert dict(jobs.grown(6.0)) == {"second": 0}


def test_an_estimate_stays_below_the_longest_possible_answer() -> None:
    jobs = SilentJobs()
    jobs.begin(silent("first"), "w")
    jobs.now = 1.0
    jobs.end("first", 100)
    jobs.begin(silent("second", tokens=30), "w")
    assert dict(jobs.grown(50.0)) == {"second": 29}


def test_estimates_come_at_most_every_tick() -> None:
    jobs = SilentJobs()
    jobs.begin(silent("a"), "w")
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
