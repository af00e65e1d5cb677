"""Splits: the hold-out rule and the folds."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from predictor.data import castillo, splits
from predictor.data.records import Records


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


def with_kinds(records: Records, *, group: list[int], kind: list[bool]) -> Records:
    """``records`` with the groups, and some prompts of another kind of traffic."""
    corpus = np.where(kind, "mint_agents", records.corpus)
    validate = records.validate & ~np.array(kind)
    return replace(records, group=np.array(group), corpus=corpus, validate=validate)


def test_other_kinds_near_duplicates_of_castillos_prompts_are_held_out_with_these(
    small_data: Path,
) -> None:
    records = castillo.read_castillo(small_data)
    threshold = splits.threshold_for(records, 0.25)
    out = splits.held_out(records, threshold)
    half = len(out) // 2
    group = [*range(half), *range(half)]  # each of the second half is like one of the first
    mixed = with_kinds(records, group=group, kind=[False] * half + [True] * half)
    found = splits.held_out(mixed, threshold)
    assert 0 < out[:half].sum() < half
    assert np.array_equal(found[:half], out[:half])
    assert np.array_equal(found[half:], out[:half])


def test_other_kinds_alone_are_held_out_too(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    count = len(records.prompts)
    kinds = with_kinds(records, group=list(range(count)), kind=[True] * count)
    held = splits.held_out(kinds, splits.threshold_for(kinds, 0.15))
    assert 0.15 < held.mean() < 0.35
    assert splits.threshold_for(kinds, 0.0) == ""


def test_a_group_shares_a_fold(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    assert splits.folds(records, 10).tolist() == splits.text_folds(records.texts, 10).tolist()
    pairs = replace(records, group=np.arange(len(records.prompts)) // 2)
    fold = splits.folds(pairs, 10)
    assert np.array_equal(fold[::2], fold[1::2])
    assert len(set(fold)) == 10


def test_equal_texts_share_a_fold() -> None:
    first, other, again = splits.text_folds(["a", "b", "a"], 7)
    assert first == again
    assert {first, other} <= set(range(7))
