"""Splits: the hold-out rule and the folds."""

from pathlib import Path

import numpy as np

from predictor.data import castillo, splits


def test_the_threshold_holds_out_the_wanted_number_of_validate_prompts(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    held = splits.held_out(records, splits.holdout_threshold(records, 40))
    assert held.sum() == 40
    assert np.all(records.validate[held])
    assert not splits.held_out(records, splits.holdout_threshold(records, 0)).any()


def test_at_most_half_of_the_validate_prompts_are_held_out(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    held = splits.held_out(records, splits.holdout_threshold(records, 10_000))
    assert held.sum() == records.validate.sum() // 2


def test_held_out_prompts_follow_from_their_texts_alone(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    threshold = splits.holdout_threshold(records, 40)
    held = splits.held_out(records, threshold)
    some = np.arange(len(records.texts)) % 3 == 0
    part = records.of_prompts(some)
    assert np.array_equal(splits.held_out(part, threshold), held[some])


def test_equal_texts_share_a_fold() -> None:
    first, other, again = splits.text_folds(["a", "b", "a"], 7)
    assert first == again
    assert {first, other} <= set(range(7))
