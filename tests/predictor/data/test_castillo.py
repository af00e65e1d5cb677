"""CASTILLO's local files, and the licence filter."""

from pathlib import Path

import numpy as np
import pytest

from predictor.data import castillo
from predictor.data.records import DataError
from tests.predictor.small_castillo import BOUND, FREE


def test_all_samples_of_castillo_are_read(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    assert len(records.texts) == 320
    assert len(records.tokens) == 320 * 4 * 5
    assert set(records.models) == {*FREE, *BOUND}
    assert np.all(records.tokens[records.censored] == 15_000)


def test_only_free_prompts_and_models_are_licensed(small_data: Path) -> None:
    kept = castillo.licensed(castillo.read_castillo(small_data), small_data)
    assert set(kept.corpus) == {"DollyDataset", "Mbpp"}
    assert set(kept.models) == set(FREE)


def test_a_folder_without_the_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lengths_castillo\.parquet is not there"):
        castillo.read_castillo(tmp_path)


def test_a_damaged_file_is_named(small_data: Path, tmp_path: Path) -> None:
    for file in small_data.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=r"lengths_castillo\.parquet"):
        castillo.read_castillo(tmp_path)
