"""Every row gets the same output of the trees, alone, in a batch and on any thread."""

import threading

import lightgbm as lgb
import numpy as np
import pytest

from predictor.fast.trees import boosted

ROWS = np.random.default_rng(1).normal(size=(64, 5))


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 5))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    data = lgb.Dataset(rows, np.nansum(rows, axis=1))
    return lgb.train({"verbose": -1, "num_threads": 1}, data, 20)


def test_a_row_alone_gets_the_same_output_as_in_a_batch(booster: lgb.Booster) -> None:
    rows = np.where(ROWS > 1.5, np.nan, ROWS)
    alone = np.concatenate([boosted(booster, rows[row : row + 1]) for row in range(len(rows))])
    assert np.array_equal(alone, boosted(booster, rows))


def test_threads_share_a_booster(booster: lgb.Booster) -> None:
    expected = boosted(booster, ROWS)
    wrong: list[int] = []

    def compare() -> None:
        for row in list(range(len(ROWS))) * 20:
            if boosted(booster, ROWS[row : row + 1])[0] != expected[row]:
                wrong.append(row)

    threads = [threading.Thread(target=compare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_rows_in_another_order_of_memory_are_read_as_rows(booster: lgb.Booster) -> None:
    assert np.array_equal(boosted(booster, np.asfortranarray(ROWS)), boosted(booster, ROWS))


def test_rows_without_the_columns_of_the_trees_are_refused(booster: lgb.Booster) -> None:
    with pytest.raises(lgb.basic.LightGBMError, match="number of features"):
        boosted(booster, ROWS[:, :3])
