"""Data: the held-out rule, the licence filter, and what is wrong with a folder."""

from pathlib import Path

import numpy as np
import pytest

from predictor.data import castillo, splits
from predictor.data.records import DataError
from tests.predictor.small_castillo import BOUND, FREE


def test_the_data_is_read_whole(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    assert len(records.texts) == 320
    assert len(records.tokens) == 320 * 4 * 5
    assert set(records.models) == {*FREE, *BOUND}
    assert np.all(records.tokens[records.censored] == 15_000)


def test_the_rule_holds_out_as_many_validate_prompts_as_asked(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    held = splits.held_out(records, splits.holdout_threshold(records, 40))
    assert held.sum() == 40
    assert np.all(records.validate[held])
    assert not splits.held_out(records, splits.holdout_threshold(records, 0)).any()


def test_never_more_than_half_of_the_validate_prompts_is_held_out(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    held = splits.held_out(records, splits.holdout_threshold(records, 10_000))
    assert held.sum() == records.validate.sum() // 2


def test_anyone_finds_the_same_prompts_from_the_text_alone(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    threshold = splits.holdout_threshold(records, 40)
    held = splits.held_out(records, threshold)
    some = np.arange(len(records.texts)) % 3 == 0
    part = records.of_prompts(some)
    assert np.array_equal(splits.held_out(part, threshold), held[some])


def test_samples_stay_with_their_prompt_and_model(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    part = records.of_prompts(records.corpus == "Mbpp").of_models([BOUND[0]])
    assert len(part.tokens) == 80 * 5
    assert np.bincount(part.prompt).tolist() == [5] * 80
    assert np.median(part.tokens) == pytest.approx(160 * 0.4, rel=0.1)


def test_only_free_prompts_and_models_are_licensed(small_data: Path) -> None:
    kept = castillo.licensed(castillo.read_castillo(small_data), small_data)
    assert set(kept.corpus) == {"DollyDataset", "Mbpp"}
    assert set(kept.models) == set(FREE)


def test_equal_texts_share_a_fold() -> None:
    first, other, again = splits.folds(["a", "b", "a"], 7)
    assert first == again
    assert {first, other} <= set(range(7))


def test_a_folder_without_the_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lengths_castillo\.parquet is not there"):
        castillo.read_castillo(tmp_path)


def test_a_damaged_file_is_named(small_data: Path, tmp_path: Path) -> None:
    for file in small_data.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=r"lengths_castillo\.parquet"):
        castillo.read_castillo(tmp_path)
