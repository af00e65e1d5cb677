"""The running sums of a key."""

import pytest

from predictor.adaptive.keys import NO_KEY
from predictor.adaptive.memory import COUNT, EMPTY, FIRST, SQUARES, TOTAL, Memory


def add(memory: Memory, key: int, value: float, *, epoch: int = 0, keep: float = 1.0) -> None:
    memory.add(key, value, (value,), weight=1.0, keep=keep, stale=0.1, epoch=epoch)


def test_a_row_has_the_number_the_sum_and_the_squares_of_its_answers() -> None:
    memory = Memory(10)
    for value in (1.0, 3.0):
        add(memory, 7, value)
    row = memory.get(7)
    assert (row[COUNT], row[TOTAL], row[FIRST]) == (2.0, 4.0, 4.0)
    assert row[SQUARES] == pytest.approx(2.0)


def test_each_answer_lowers_the_weight_of_the_earlier_ones() -> None:
    memory = Memory(10)
    for _ in range(2):
        add(memory, 7, 1.0, keep=0.5)
    assert memory.get(7)[COUNT] == 1.5


def test_answers_of_another_epoch_become_stale() -> None:
    memory = Memory(10)
    add(memory, 7, 1.0, epoch=0)
    add(memory, 7, 5.0, epoch=1)
    assert memory.get(7)[COUNT] == pytest.approx(1.1)
    assert memory.get(7)[TOTAL] == pytest.approx(5.1)


def test_the_least_recently_used_key_is_dropped() -> None:
    memory = Memory(2)
    for key in (1, 2, 1, 3):
        add(memory, key, 1.0)
    assert memory.keys() == [1, 3]
    assert memory.get(2) == EMPTY


def test_no_key_is_never_stored() -> None:
    memory = Memory(2)
    add(memory, NO_KEY, 1.0)
    assert len(memory) == 0
