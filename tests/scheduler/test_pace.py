"""The clock of the tokens that a running answer gets at a worker."""

from __future__ import annotations

import pytest

from scheduler.pace import Pace


def taught(tokens: int, seconds: float, now: float) -> Pace:
    """A pace with one observation."""
    pace = Pace()
    pace.observe(tokens, seconds, now)
    return pace


def between(pace: Pace, begin: float, end: float) -> float:
    """The tokens of an answer between two times, read in this order."""
    first, last = pace.reading(begin), pace.reading(end)
    assert first is not None
    assert last is not None
    return last - first


def test_without_an_observation_nothing_is_known() -> None:
    pace = Pace()
    assert pace.reading(5.0) is None
    pace.observe(0, 50.0, 50.0)
    pace.observe(50, 0.0, 50.0)
    assert pace.reading(50.0) is None


def test_the_first_observation_also_holds_for_the_time_before_it() -> None:
    pace = taught(100, 10.0, now=20.0)
    assert between(pace, 0.0, 5.0) == pytest.approx(50)
    assert between(pace, 15.0, 25.0) == pytest.approx(100)


def test_the_clock_follows_recent_answers_and_keeps_what_it_has_counted() -> None:
    pace = taught(100, 10.0, now=0.0)
    assert between(pace, 0.0, 100.0) == pytest.approx(1000)
    for _ in range(200):
        pace.observe(100, 5.0, 100.0)
    assert pace.reading(100.0) == pytest.approx(1000)
    assert between(pace, 100.0, 200.0) == pytest.approx(2000, rel=0.05)


def test_one_answer_that_waited_in_the_engine_moves_the_pace_little() -> None:
    pace = taught(400, 40.0, now=0.0)
    for _ in range(30):
        pace.observe(400, 40.0, 0.0)
    pace.observe(400, 4000.0, 0.0)  # a hundred times as slow as the others
    assert between(pace, 0.0, 1.0) == pytest.approx(10, rel=0.06)
    for _ in range(200):
        pace.observe(400, 4000.0, 0.0)
    assert between(pace, 1.0, 2.0) == pytest.approx(0.1, rel=0.05), "if all are, it is the pace"


@pytest.mark.parametrize(
    ("tokens", "seconds"),
    [(1, 3.0), (1, 10.0), (5, 0.001), (1, 0.0001), (10**6, 1.0), (2**31, 1.0), (400, 4000.0)],
)
def test_an_odd_first_answer_is_outvoted_by_the_next_few(tokens: int, seconds: float) -> None:
    pace = taught(tokens, seconds, now=0.0)
    for now in (4.0, 8.0, 12.0):
        pace.observe(200, 4.0, now)
    assert between(pace, 12.0, 13.0) == pytest.approx(50)
    for now in range(16, 400, 4):
        pace.observe(200, 4.0, float(now))
    assert between(pace, 400.0, 401.0) == pytest.approx(50)


def test_a_token_or_two_give_no_pace() -> None:
    pace = taught(1, 3.0, now=3.0)
    pace.observe(2, 0.001, 4.0)
    assert pace.reading(5.0) is None
    pace.observe(100, 10.0, 15.0)
    assert between(pace, 15.0, 16.0) == pytest.approx(10)


@pytest.mark.parametrize("tokens", [2, 2**31])
def test_one_odd_report_does_not_replace_the_memory(tokens: int) -> None:
    pace = taught(200, 4.0, now=0.0)
    for _ in range(50):
        pace.observe(200, 4.0, 0.0)
    pace.observe(tokens, 4.0, 0.0)
    assert between(pace, 0.0, 1.0) == pytest.approx(50, rel=0.06)
