"""`Retry-After` comes true for nine of ten refused requests, in virtual time."""

from __future__ import annotations

from tests.bench.expected_starts import GOAL, SCENES, run, share


def test_refused_requests_are_told_when_they_would_start_just_after_the_gateways_start() -> None:
    told = run(SCENES["cold"], 150, 1)
    assert len(told) > 60
    assert share(told) >= GOAL
