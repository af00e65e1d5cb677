"""After how many seconds a client that was turned away should come back."""

from __future__ import annotations

import pytest

from gateway.scheduling.retry_after import LONGEST_S, QueueRetryAfter, outage_seconds


def after(ends: list[float], now: float, waiting: int) -> int:
    """The answer when requests ended at these moments."""
    retry_after = QueueRetryAfter()
    for moment in ends:
        retry_after.observe_end(moment)
    return retry_after.seconds(now, waiting)


def test_a_tenth_of_the_queue_has_to_leave_at_the_recent_rate() -> None:
    ends = [float(second) for second in range(10)]  # one a second
    assert after(ends, now=10.0, waiting=200) == 20
    assert after(ends, now=40.0, waiting=100) == 40  # none has ended lately: the rate falls


@pytest.mark.parametrize(
    ("ends", "waiting", "seconds"),
    [([], 500, 1), ([1.0], 500, 1), ([1.0, 2.0], 0, 1), ([1.0, 2.0], 10_000, LONGEST_S)],
    ids=["nothing has ended", "one has ended", "nothing waits", "a very long queue"],
)
def test_the_answer_is_between_a_second_and_a_minute(
    ends: list[float], waiting: int, seconds: int
) -> None:
    assert after(ends, now=3.0, waiting=waiting) == seconds


def test_old_ends_are_forgotten() -> None:
    slow = [100.0 * n for n in range(300)]
    fast = [30_000.0 + 0.1 * n for n in range(256)]
    assert after(slow + fast, now=30_025.6, waiting=500) == 5


@pytest.mark.parametrize(("interval", "seconds"), [(0.05, 1), (1.0, 1), (4.6, 5)])
def test_in_an_outage_the_next_probe_decides(interval: float, seconds: int) -> None:
    assert outage_seconds(interval) == seconds
