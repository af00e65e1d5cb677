"""Statistics of recent traffic."""

from __future__ import annotations

import pytest

from scheduler.traffic import (
    FULL_CAUTION_SHARE,
    WINDOW_REQUESTS,
    MeanLengths,
    QueueingShare,
    TurnClock,
)


def test_the_mean_length_is_the_mean_of_recent_traffic_by_model() -> None:
    means = MeanLengths()
    assert means.observe("a", 100.0) == pytest.approx(100)
    assert means.observe("a", 300.0) == pytest.approx(200)
    assert means.observe("b", 10.0) == pytest.approx(10)
    for _ in range(5 * WINDOW_REQUESTS):
        last = means.observe("a", 1000.0)
    assert last == pytest.approx(1000, rel=0.02)


def test_turns_count_in_mean_service_times() -> None:
    fast, slow = TurnClock(), TurnClock()
    for _ in range(5 * WINDOW_REQUESTS):
        fast.observe(2.0)
        slow.observe(20.0)
    for clock in (fast, slow):
        clock.turns(100.0)
    assert fast.turns(140.0) == pytest.approx(20.0, rel=0.01)
    assert slow.turns(140.0) == pytest.approx(2.0, rel=0.01)
    assert slow.turns(130.0) == slow.turns(140.0), "the clock never goes back"


def test_caution_grows_with_the_share_of_arrivals_that_meet_a_queue() -> None:
    share = QueueingShare()
    assert share.caution("a") == 0.0
    seen = []
    for at in range(3000):
        share.observe("a", queued=at % 50 == 0)
        seen.append(share.caution("a"))
    assert seen[-1] == pytest.approx(0.02 / FULL_CAUTION_SHARE, rel=0.3)
    assert max(seen[2000:]) < 2 * min(seen[2000:]), "the share spans some hundred arrivals"
    for _ in range(5):
        share.observe("a", queued=True)
    assert share.caution("a") == 1.0
    assert share.caution("b") == 0.0
    for _ in range(1000):
        share.observe("a", queued=False)
    assert share.caution("a") < 0.001
