"""Statistics of recent traffic."""

from __future__ import annotations

import pytest

from scheduler.traffic import (
    FULL_CAUTION_SHARE,
    INITIAL_TURN_SECONDS,
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
        means.observe("a", 1000.0)
    assert means.observe("a", 1000.0) == pytest.approx(1000, rel=0.02)
    for _ in range(5 * WINDOW_REQUESTS):
        means.observe("a", 50.0)
    assert means.observe("a", 50.0) == pytest.approx(50, rel=0.2)


def test_turns_count_in_service_times() -> None:
    fast, slow = TurnClock(), TurnClock()
    for _ in range(5 * WINDOW_REQUESTS):
        fast.observe(2.0)
        slow.observe(20.0)
    for clock in (fast, slow):
        clock.turns(100.0)
    assert fast.turns(140.0) == pytest.approx(20.0, rel=0.01)
    assert slow.turns(140.0) == pytest.approx(2.0, rel=0.01)
    assert slow.turns(130.0) == slow.turns(140.0), "the clock never goes back"


def test_the_length_of_a_turn_follows_recent_service_times() -> None:
    clock = TurnClock()
    clock.observe(INITIAL_TURN_SECONDS * 2**21)
    assert clock.turn_seconds == pytest.approx(2 * INITIAL_TURN_SECONDS), "20 of 21 are the initial"
    for seconds in (20.0, 2.0):
        for _ in range(5 * WINDOW_REQUESTS):
            clock.observe(seconds)
        assert clock.turn_seconds == pytest.approx(seconds, rel=0.1)


def test_a_few_long_answers_do_not_set_the_length_of_a_turn() -> None:
    clock = TurnClock()
    for n in range(5 * WINDOW_REQUESTS):
        clock.observe(200.0 if n % 10 == 0 else 2.0)
    assert clock.turn_seconds == pytest.approx(2.0 * 100**0.1, rel=0.1), "the mean is 22"


def test_service_times_of_zero_leave_a_turn_positive() -> None:
    clock = TurnClock()
    for _ in range(50 * WINDOW_REQUESTS):
        clock.observe(0.0)
    assert clock.turn_seconds == pytest.approx(1e-3, rel=0.01)


def test_with_full_caution_0_caution_is_always_full() -> None:
    assert QueueingShare(full_caution=0.0).caution("a") == 1.0


def test_caution_grows_with_the_share_of_arrivals_that_meet_a_queue() -> None:
    share = QueueingShare()
    assert share.caution("a") == 0.0
    seen = []
    for n in range(3000):
        share.observe("a", queued=n % 50 == 0)
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
