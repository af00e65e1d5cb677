"""CASTILLO's prompts as requests, from a folder of four prompts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.simulate.inputs.castillo import MODEL, castillo_source
from predictor import LengthPredictor
from predictor.data.records import DataError
from predictor.data.splits import digest
from tests.gateway.simulate.inputs.files import all_requests

THRESHOLD = LengthPredictor.load().manifest["held_out"]["threshold"]


def texts(*, held_out: bool) -> list[str]:
    """Two prompts that the shipped predictor's manifest holds out, or two that it does not."""
    candidates = (f"Write {number} words." for number in range(1000))
    found = [text for text in candidates if (digest(text) <= THRESHOLD) == held_out]
    return found[:2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four prompts with two answers each by MODEL, and one by another model and in training."""
    prompts = [*texts(held_out=True), *texts(held_out=False), "by another model", "in training"]
    ids = [str(number) for number in range(len(prompts))]
    pq.write_table(
        pa.table({"prompt_id": ids, "prompt": prompts}), tmp_path / "prompts_castillo.parquet"
    )
    rows = [
        (ids[number], MODEL, "validate", 10 * number + answer, 100 + number)
        for number in range(4)
        for answer in (1, 2)
    ]
    rows += [(ids[4], "other", "validate", 900, 900), (ids[5], MODEL, "train", 900, 900)]
    names = ("prompt_id", "model", "split", "response_tokens", "input_tokens_native")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    pq.write_table(
        pa.table({name: list(values) for name, values in columns.items()}),
        tmp_path / "lengths_castillo.parquet",
    )
    return tmp_path


def test_only_prompts_held_out_of_training_are_drawn(folder: Path) -> None:
    source = castillo_source(folder)
    requests = all_requests(source)
    assert [request.prompt_tokens for request in requests] == [100, 101]
    assert all(request.model == MODEL for request in requests)
    assert "2 prompts" in source.title
    assert "held out of the predictor's training" in source.title


def test_all_prompts_of_the_validate_split_on_request(folder: Path) -> None:
    source = castillo_source(folder, held_out=False)
    assert [request.prompt_tokens for request in all_requests(source)] == [100, 101, 102, 103]


def test_each_draw_takes_one_of_the_recorded_lengths(folder: Path) -> None:
    drawn = castillo_source(folder).draw(40, 3)
    lengths = {(request.prompt_tokens, request.output_tokens) for request in drawn}
    assert lengths == {(100, 1), (100, 2), (101, 11), (101, 12)}


def test_a_model_without_answers_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"no answers of model 'nobody'.*models_castillo\.csv"):
        castillo_source(folder, model="nobody")


def test_a_damaged_file_is_named(folder: Path) -> None:
    (folder / "lengths_castillo.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(DataError, match=r"lengths_castillo\.parquet cannot be read"):
        castillo_source(folder)


def test_a_missing_column_is_named(folder: Path) -> None:
    pq.write_table(pa.table({"prompt_id": ["0"]}), folder / "prompts_castillo.parquet")
    with pytest.raises(DataError, match=r"prompts_castillo\.parquet has no column prompt"):
        castillo_source(folder)
