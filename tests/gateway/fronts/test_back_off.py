"""Pauses grow with failures in a row, and only with those."""

from __future__ import annotations

from gateway.fronts.back_off import LONGEST_PAUSE_S, MOST_FAILURES, STEADY_S, BackOff


class Life:
    """Lives of a child by a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.back_off = BackOff(lambda: self.now)

    def served(self, seconds: float) -> float | None:
        """The pause after a life that served for so long."""
        self.back_off.started()
        self.back_off.ready()
        self.now += seconds
        return self.back_off.pause_after(1)

    def failed(self) -> float | None:
        """The pause after a life that did not serve."""
        self.back_off.started()
        return self.back_off.pause_after(1)


def test_a_child_that_dies_just_after_it_served_waits_ever_longer() -> None:
    life = Life()
    assert [life.served(0.5) for _ in range(4)] == [0.1, 0.2, 0.4, 0.8]
    assert [life.served(0.5) for _ in range(20)][-1] == LONGEST_PAUSE_S


def test_a_steady_life_forgets_all_failures_before_it() -> None:
    life = Life()
    for _ in range(50):
        assert life.served(STEADY_S) == 0.0
    assert life.failed() == 0.1
    assert life.served(STEADY_S) == 0.0
    assert [life.failed() for _ in range(MOST_FAILURES)] == [0.1, 0.2, 0.4, 0.8, None]
