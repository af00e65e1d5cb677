"""A booster read from its text answers as the one that LightGBM has trained."""

import copy
import pickle

import lightgbm as lgb
import numpy as np
import pytest

from predictor.fast.stored_booster import StoredBooster
from predictor.fast.trees import Trees, boosted

ROWS = np.random.default_rng(1).normal(size=(64, 5))


@pytest.fixture(scope="module")
def trained() -> lgb.Booster:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 5))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    data = lgb.Dataset(rows, np.nansum(rows, axis=1))
    return lgb.train({"verbose": -1, "num_threads": 1}, data, 20)


@pytest.fixture(scope="module")
def stored(trained: lgb.Booster) -> StoredBooster:
    return StoredBooster(trained.model_to_string())


def test_its_output_is_that_of_the_trained_one(trained: lgb.Booster, stored: StoredBooster) -> None:
    rows = np.where(ROWS > 1.5, np.nan, ROWS)
    expected = np.asarray(trained.predict(rows))
    assert stored.num_feature() == 5
    for given in (rows, np.asfortranarray(rows)):
        assert np.array_equal(boosted(stored, given), expected)
        assert np.array_equal(Trees(stored)(given), expected)
    alone = np.concatenate([Trees(stored)(rows[row : row + 1]) for row in range(len(rows))])
    assert np.array_equal(alone, expected)
    narrow = rows.astype(np.float32)
    assert np.array_equal(stored.predict(narrow), np.asarray(trained.predict(narrow)))  # type: ignore[arg-type]
    assert stored.dump_model()["tree_info"] == trained.dump_model()["tree_info"]


def test_copies_answer_as_well(stored: StoredBooster) -> None:
    for copied in (copy.deepcopy(stored), pickle.loads(pickle.dumps(stored))):
        assert np.array_equal(boosted(copied, ROWS), boosted(stored, ROWS))
    assert np.array_equal(copy.deepcopy(Trees(stored))(ROWS[:1]), Trees(stored)(ROWS[:1]))


def test_a_long_text_is_given_whole() -> None:
    rows = np.random.default_rng(2).normal(size=(4000, 5))
    settings = {"verbose": -1, "num_threads": 1, "num_leaves": 255, "min_data_in_leaf": 2}
    booster = lgb.train(settings, lgb.Dataset(rows, rows.sum(axis=1)), 60)
    text = StoredBooster(booster.model_to_string()).model_to_string()
    assert len(text) > 1 << 20
    expected = np.asarray(booster.predict(ROWS))
    assert np.array_equal(StoredBooster(text).predict(ROWS), expected)


def test_rows_without_its_columns_are_refused(stored: StoredBooster) -> None:
    for use in (Trees(stored), lambda rows: boosted(stored, rows)):
        with pytest.raises(ValueError, match="number of features"):
            use(ROWS[:1, :3])


def test_what_is_no_booster_of_one_output_is_refused() -> None:
    with pytest.raises(ValueError, match=r"[Mm]odel"):
        StoredBooster("no booster")
    data = lgb.Dataset(ROWS, np.arange(len(ROWS)) % 3)
    settings = {"verbose": -1, "num_threads": 1, "objective": "multiclass", "num_class": 3}
    several = lgb.train(settings, data, 2)
    with pytest.raises(ValueError, match="3 outputs"):
        StoredBooster(several.model_to_string())
