"""Repeated entries of the log are counted instead of written."""

from __future__ import annotations

import logging

import pytest

from gateway.serve import repeats
from gateway.serve.repeats import PERIOD_S, Repeats


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(repeats, "monotonic", clock)
    return clock


def _entry(message: object, *values: object) -> logging.LogRecord:
    return logging.LogRecord("lengthwise", logging.WARNING, "", 0, message, values, None)


def test_a_kind_is_left_out_beyond_its_bound_and_told_afterwards(clock: Clock) -> None:
    seen = Repeats(3)
    entries = [_entry("worker %s failed", n) for n in range(10)]
    passed = [entry.getMessage() for entry in entries if seen.filter(entry)]
    assert len(passed) == 3
    assert "left out" in passed[-1]
    assert seen.filter(_entry("another kind"))
    clock.now += PERIOD_S
    later = _entry("worker %s failed", 11)
    assert seen.filter(later)
    assert later.getMessage() == "worker 11 failed (after 7 more of the kind in a minute)"


def test_no_bound_lets_everything_through(clock: Clock) -> None:
    seen = Repeats(0)
    assert all(seen.filter(_entry("again")) for _ in range(1000))


def test_access_records_are_not_bounded(clock: Clock) -> None:
    seen, record = Repeats(1), object()
    assert all(seen.filter(_entry(record)) for _ in range(10))


def test_kinds_without_number_do_not_fill_the_memory(clock: Clock) -> None:
    seen = Repeats(1)
    for n in range(5000):
        seen.filter(_entry(f"message {n}"))
    assert len(seen._kinds) <= 1000
