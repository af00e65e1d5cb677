"""The step clock passes by what is written, and by real time where nothing is."""

import pytest

from scheduler.costs import StepCosts
from tests.bench.step_clock import StepClock


class Wall:
    """Real time, as the test sets it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def clock(wall: Wall) -> StepClock:
    return StepClock(StepCosts(base=0.006, per_sequence=0.001), wall)


def test_with_nothing_written_time_is_real() -> None:
    wall = Wall()
    steps = clock(wall)
    wall.now += 2.0
    assert steps() == pytest.approx(2.0)


def test_a_step_takes_as_long_as_the_costs_say_however_long_it_really_took() -> None:
    wall = Wall()
    steps = clock(wall)
    with steps.answer() as one, steps.answer() as other:
        one.chunk()
        assert steps() == pytest.approx(0.007)
        wall.now += 50.0
        assert steps() == pytest.approx(0.007)
        other.chunk()
        for _ in range(10):
            one.chunk()
            other.chunk()
        assert steps() == pytest.approx(0.007 + 0.004 + 10 * 0.008)
    wall.now += 1.0
    assert steps() == pytest.approx(0.007 + 0.004 + 10 * 0.008 + 1.0)


def test_a_chunk_may_hold_several_tokens_and_an_answer_none() -> None:
    wall = Wall()
    steps = clock(wall)
    with steps.answer() as some, steps.answer():
        some.chunk()
        some.ends_at(5)
    assert steps() == pytest.approx(5 * 0.007)
    wall.now += 1.0
    assert steps() == pytest.approx(5 * 0.007 + 1.0)
