"""Cells: which samples they hold, and how much each counts."""

from dataclasses import replace

import numpy as np
import pytest

from predictor.data.records import Records
from predictor.prompt import Prompt
from predictor.training.cells import cells_of, table_of


def records() -> Records:
    """Three prompts of two corpora, two models; one endless and one censored answer."""
    return Records.of_texts(
        ["a", "b", "c"],
        corpus=np.array(["x", "x", "y"]),
        validate=np.array([False, True, True]),
        models=["m", "n"],
        prompt=np.array([2, 0, 0, 1, 1, 1]),
        model=np.array([0, 0, 0, 0, 0, 1]),
        tokens=np.array([10.0, 20.0, 80.0, 50.0, 15_000.0, 30.0]),
        censored=np.array([False, False, False, False, True, True]),
    )


def test_samples_of_one_prompt_and_model_share_a_cell() -> None:
    cells = cells_of(records())
    assert list(zip(cells.prompt.tolist(), cells.model.tolist(), strict=True)) == [
        (0, 0),
        (1, 0),
        (1, 1),
        (2, 0),
    ]
    assert cells.centre[0] == pytest.approx(np.log(40.0))
    assert cells.values[0] == pytest.approx(np.log([20.0, 80.0]))


def test_an_endless_answer_is_left_out_of_its_cell() -> None:
    cells = cells_of(records())
    assert cells.centre[1] == pytest.approx(np.log(50.0))
    assert np.isnan(cells.values[1, 1])


def test_a_censored_answer_counts_as_longer_than_its_cut() -> None:
    cells = cells_of(records())
    assert cells.centre[2] > np.log(30.0)
    assert cells.values[2, 0] >= np.log(30.0)


def test_training_weights_favour_the_small_corpus_and_shares_follow_validate() -> None:
    cells = cells_of(records())
    assert cells.weight.mean() == pytest.approx(1)
    assert cells.weight[3] / cells.weight[0] == pytest.approx(np.sqrt(3))
    # One validate prompt in each corpus: each corpus has half of the calibration weight.
    assert cells.share[:3].sum() == pytest.approx(cells.share[3])
    assert cells.share.mean() == pytest.approx(1)


def test_the_table_has_nan_where_no_model_answered() -> None:
    cells = cells_of(records())
    table = table_of(cells, cells.centre, 3, 2)
    assert np.isnan(table).tolist() == [[False, True], [False, False], [False, True]]
    assert table[2, 0] == pytest.approx(np.log(10.0))


def test_the_table_leaves_models_without_a_column_out() -> None:
    cells = cells_of(records())
    table = table_of(cells, cells.centre, 3, 1)
    assert table.shape == (3, 1)
    assert table[1, 0] == pytest.approx(np.log(50.0))


def test_a_cell_thinks_as_its_request_says_or_else_as_its_model_usually_does() -> None:
    made = replace(records(), models=["deepseek-r1", "qwen3-8b"])
    off = [Prompt("", "a"), Prompt("", "b", reasoning=0.0), Prompt("", "c")]
    cells = cells_of(replace(made, prompts=off))
    assert cells.effort.tolist() == [1.0, 0.0, 0.0, 1.0]


def test_samples_of_little_weight_make_a_cell_count_less() -> None:
    made = records()
    light = np.where(made.model == 1, 0.1, 1.0)
    plain, lighter = cells_of(made), cells_of(replace(made, weight=light))
    assert lighter.count[2] == pytest.approx(0.1)
    assert lighter.count[[0, 1, 3]] == pytest.approx(1.0)
    ratio = lighter.weight / plain.weight
    assert ratio[2] < 0.2 * ratio[1]
