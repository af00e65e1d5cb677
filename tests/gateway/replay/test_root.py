"""A root of a steep, bent error is found in few trials, and no step leaves the bracket."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from gateway.replay.root import Root


def saturated(place: float) -> float:
    """The error in log of a queue near its capacity: flat below, steep above, zero at 0.1."""
    return math.log((0.3 + math.exp(25 * (place - 0.1))) / 1.3)


def tried(error: Callable[[float], float], trials: int) -> list[tuple[float, float]]:
    root, place = Root(math.log(2)), 0.0
    found = [(place, error(place))]
    while len(found) < trials:
        place = root.next(*found[-1])
        found.append((place, error(place)))
    return found


@pytest.mark.parametrize(
    "error", [saturated, lambda place: place - 0.35, lambda place: 12 * (place + 0.1)]
)
def test_few_trials_find_the_root(error: Callable[[float], float]) -> None:
    assert min(abs(off) for _, off in tried(error, 6)) < 0.02


def test_between_errors_of_both_signs_no_step_leaves_the_bracket() -> None:
    def jumps(place: float) -> float:
        return 2.8 if place > 0.13 else -0.5

    trials = tried(jumps, 8)
    for at in range(1, len(trials)):
        below = [place for place, off in trials[:at] if off < 0]
        above = [place for place, off in trials[:at] if off > 0]
        if below and above:
            assert max(below) < trials[at][0] < min(above)
    assert any(off > 0 for _, off in trials)


def test_the_first_step_is_short_and_no_step_is_longer_than_allowed() -> None:
    assert Root(math.log(2)).next(0.0, -0.4) == pytest.approx(0.1)
    assert Root(math.log(2)).next(0.0, 40.0) == pytest.approx(-math.log(2))
