"""One row at a time costs little, and gives what many rows at once give."""

import threading

import lightgbm as lgb
import numpy as np
import pytest

from predictor.fast.trees import Trees


@pytest.fixture(scope="module")
def trees() -> Trees:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 5))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    data = lgb.Dataset(rows, np.nansum(rows, axis=1))
    return Trees(lgb.train({"verbose": -1, "num_threads": 1}, data, 20))


ROWS = np.random.default_rng(1).normal(size=(64, 5))


def test_a_row_by_itself_gets_the_answer_that_it_gets_among_others(trees: Trees) -> None:
    rows = np.where(ROWS > 1.5, np.nan, ROWS)
    alone = np.concatenate([trees.run(rows[at : at + 1]) for at in range(len(rows))])
    assert np.array_equal(alone, trees.run(rows))


def test_rows_need_not_lie_together_in_memory(trees: Trees) -> None:
    turned = np.asfortranarray(ROWS)
    assert np.array_equal(trees.run(turned[:1]), trees.run(ROWS[:1]))


def test_a_row_of_another_width_is_refused(trees: Trees) -> None:
    with pytest.raises(ValueError, match="a row of 4 inputs, need 5"):
        trees.run(ROWS[:1, :4])


def test_threads_may_share_the_trees(trees: Trees) -> None:
    expected = trees.run(ROWS)
    wrong: list[int] = []

    def ask() -> None:
        for at in list(range(len(ROWS))) * 20:
            if trees.run(ROWS[at : at + 1])[0] != expected[at]:
                wrong.append(at)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
