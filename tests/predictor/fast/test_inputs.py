"""The boosters' inputs: the match of a model's name, and the linear part of the location."""

from math import log

import numpy as np
import pytest

from predictor.fast.inputs import (
    GENERIC,
    KNOWN,
    RELATED,
    ModelMatches,
    TrainedModels,
    location_base,
)

TRAINED = ["Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-32B-Instruct", "google/gemma-3-4b-it"]
NO_LIMIT = np.array([np.nan])


def test_an_unseen_model_is_related_to_its_family_with_more_weight_on_similar_sizes() -> None:
    models = TrainedModels(TRAINED, np.zeros(3))
    assert models.match("Qwen2.5-7B-Instruct-GPTQ-Int4").route == KNOWN
    match = models.match("Qwen/Qwen3-8B")
    assert match.route == RELATED
    assert match.weights[0] > match.weights[1] > match.weights[2] == 0
    assert match.weights.sum() == pytest.approx(1)
    assert models.match("my-alias").route == GENERIC


def test_a_hidden_model_without_relatives_is_generic() -> None:
    models = TrainedModels(TRAINED, np.zeros(3))
    assert models.match_unseen(0).weights.tolist() == [0, 1, 0]
    assert models.match_unseen(0, hidden=[1]).route == GENERIC
    assert models.match_unseen(2).route == GENERIC


def test_the_model_columns_of_a_generic_model_are_unknown() -> None:
    models = TrainedModels(TRAINED, np.array([0.5, -0.5, 1.0]))
    matches = ModelMatches.from_matches(
        [models.match(name) for name in (TRAINED[2], "Qwen3-8B", "alias")]
    )
    own = np.array([0.1, 0.2, 0.0])
    columns, base = models.model_inputs(
        matches, own=own, text_all=np.full(3, 5.0), limit=np.full(3, np.nan)
    )
    assert columns[0].tolist() == [1.0, 0.1, KNOWN]
    assert columns[1, 2] == RELATED
    assert -0.5 < columns[1, 0] < 0.5
    assert np.isnan(columns[2, :2]).all()
    assert columns[2, 2] == GENERIC
    assert base[2] == 2.5  # half of the text model's score, without an offset


def test_a_stated_limit_moves_the_base_by_a_bounded_amount() -> None:
    free = location_base(5.0, np.zeros(1), NO_LIMIT)[0]
    near, far, tiny = (
        location_base(5.0, np.zeros(1), np.array([np.log1p(limit)]))[0] - free
        for limit in (100.0, 1e9, 0.001)
    )
    assert near == pytest.approx(0.6 * (log(100) - 5.0))
    assert far == pytest.approx(0.6 * 1.5)
    assert tiny == pytest.approx(-0.6 * 2.5)
