"""Counts of the waiting jobs follow every change of the queue."""

from __future__ import annotations

import pytest

from scheduler.length import LengthDistribution
from scheduler.policy import POLICIES
from scheduler.scheduler import Scheduler
from scheduler.waiting_counts import LENGTHS, WaitingCounts, length_class
from tests.scheduler.builders import job, spec


@pytest.mark.parametrize(
    ("tokens", "expected"), [(1, 0), (64, 0), (64.5, 1), (256, 1), (4096, 3), (4097, 4)]
)
def test_a_length_class_holds_its_upper_bound(tokens: float, expected: int) -> None:
    assert length_class(tokens) == expected


def test_a_better_forecast_moves_a_job_to_another_class() -> None:
    scheduler = Scheduler(POLICIES["sejf"](0.1))
    scheduler.set_worker(spec())
    scheduler.pause()
    scheduler.submit(job("a", tokens=10))
    counts = scheduler.waiting_jobs.counts
    assert counts.by_length[0] == 1
    scheduler.reprice("a", LengthDistribution.point(10_000))
    assert (counts.by_length[0], counts.by_length[len(LENGTHS)]) == (0, 1)
    assert counts.tokens == pytest.approx(10_000)
    scheduler.check()
    scheduler.pause(False)
    assert not counts.by_tenant
    assert counts.tokens == 0
    scheduler.check()


def test_a_job_that_was_never_counted_is_an_error() -> None:
    with pytest.raises(KeyError):
        WaitingCounts().remove("a")
