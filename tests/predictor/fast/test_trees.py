"""Every row gets the same output of the trees, alone, in a batch and on any thread."""

import copy
import subprocess
import sys
import threading
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from predictor.fast.trees import Trees, boosted

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
    trees = Trees(booster)
    for one in (trees, lambda row: boosted(booster, row)):
        alone = np.concatenate([one(rows[row : row + 1]) for row in range(len(rows))])
        assert np.array_equal(alone, boosted(booster, rows))
    assert np.array_equal(trees(rows), boosted(booster, rows))
    assert trees.columns == 5


def test_threads_share_a_booster(booster: lgb.Booster) -> None:
    expected, trees = boosted(booster, ROWS), Trees(booster)
    wrong: list[int] = []

    def compare() -> None:
        for row in list(range(len(ROWS))) * 20:
            if trees(ROWS[row : row + 1])[0] != expected[row]:
                wrong.append(row)

    threads = [threading.Thread(target=compare) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_rows_in_another_order_of_memory_are_read_as_rows(booster: lgb.Booster) -> None:
    assert np.array_equal(boosted(booster, np.asfortranarray(ROWS)), boosted(booster, ROWS))
    wide = np.asfortranarray(np.repeat(ROWS, 2, axis=1))
    assert Trees(booster)(wide[:1, ::2]) == boosted(booster, ROWS[:1])
    assert Trees(booster)(ROWS[:1].astype(np.float32)) == boosted(
        booster, ROWS[:1].astype(np.float32)
    )


def test_rows_without_the_columns_of_the_trees_are_refused(booster: lgb.Booster) -> None:
    with pytest.raises(lgb.basic.LightGBMError, match="number of features"):
        boosted(booster, ROWS[:, :3])
    with pytest.raises(lgb.basic.LightGBMError, match="number of features"):
        Trees(booster)(ROWS[:1, :3])


def test_a_lightgbm_that_keeps_its_library_elsewhere_still_answers(booster: lgb.Booster) -> None:
    class Elsewhere:
        """What LightGBM documents of a booster, and nothing else."""

        num_feature, best_iteration = booster.num_feature, booster.best_iteration
        predict = staticmethod(booster.predict)

    assert Trees(Elsewhere())(ROWS[:1]) == boosted(booster, ROWS[:1])  # type: ignore[arg-type]


def test_trees_keep_their_booster(booster: lgb.Booster) -> None:
    expected = boosted(booster, ROWS[:1])
    for _ in range(20):
        assert Trees(lgb.Booster(model_str=booster.model_to_string()))(ROWS[:1]) == expected


def test_a_copy_answers_as_well(booster: lgb.Booster) -> None:
    row = np.zeros((1, booster.num_feature()))
    trees = Trees(booster)
    assert copy.deepcopy(trees)(row) == trees(row)


_ENDS_WHILE_THREADS_FORECAST = """
import sys, threading
import lightgbm as lgb, numpy as np
from predictor.fast.trees import Trees

def run():
    while True:
        trees(row)

booster = lgb.Booster(model_file=sys.argv[1])
trees, row = Trees(booster), np.zeros((1, booster.num_feature()))
for _ in range(4):
    threading.Thread(target=run, daemon=True).start()
trees(row)
"""


def test_a_process_may_end_while_threads_forecast(booster: lgb.Booster, tmp_path: Path) -> None:
    """The gateway does not wait for a forecast that hangs."""
    model = tmp_path / "model.txt"
    booster.save_model(model)
    for _ in range(4):
        ended = subprocess.run(
            [sys.executable, "-c", _ENDS_WHILE_THREADS_FORECAST, model], check=False, timeout=60
        )
        assert ended.returncode == 0
