"""How many jobs may wait, and how many tokens they may ask for together."""

from __future__ import annotations

import pytest

from scheduler.actions import Reason, Reject
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.policy import fcfs
from scheduler.queue_bounds import QueueBounds
from scheduler.scheduler import Scheduler


@pytest.mark.parametrize(
    ("waiting", "of_tenant", "tokens", "reason"),
    [
        (3, 2, 100.0, None),
        (4, 1, 0.0, "queue_full"),
        (3, 3, 0.0, "tenant_queue_full"),
        (2, 1, 101.0, "queue_tokens_full"),
        (1, 1, 101.0, None),
    ],
)
def test_each_bound_has_its_reason(
    waiting: int, of_tenant: int, tokens: float, reason: Reason | None
) -> None:
    assert QueueBounds(3, 2, 100.0).broken(waiting, of_tenant, tokens) == reason


def test_expected_tokens_bound_the_queue_and_free_it_when_they_leave() -> None:
    scheduler = Scheduler(fcfs, max_waiting_tokens=100)

    def submit(name: str, tokens: int) -> list[Reason]:
        job = Job(name, "m", 0.0, 1, LengthDistribution.point(tokens))
        return [one.reason for one in scheduler.submit(job) if isinstance(one, Reject)]

    assert submit("alone", 500) == []
    assert submit("second", 1) == ["queue_tokens_full"]
    scheduler.release("alone")
    assert submit("a", 60) == submit("b", 40) == []
    assert submit("c", 1) == ["queue_tokens_full"]
    scheduler.check()
