"""The boosters' inputs: the match of a model's name, and the part of the location without trees."""

from collections.abc import Callable

import numpy as np
import pytest

from predictor.arrays import Array
from predictor.fast.formulas import correction_share, latin_share, location_base, scales, trusted
from predictor.fast.inputs import (
    COLUMNS,
    GENERIC,
    KNOWN,
    MODEL,
    OFFSET,
    OWN,
    RELATED,
    ROUTE,
    TEXT_ALL,
    ModelMatches,
    TrainedModels,
)
from predictor.fast.location import USUAL
from predictor.fast.model_level import TRAITS

TRAINED = ["Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-32B-Instruct", "google/gemma-3-4b-it"]


def row(**columns: float) -> Array:
    """The inputs of one prompt of usual length without a prior; ``columns`` by name differ."""
    inputs = np.zeros((1, len(COLUMNS)))
    inputs[0, TEXT_ALL] = USUAL
    inputs[0, [COLUMNS.index("prior"), COLUMNS.index("prior_spread")]] = np.nan
    for name, value in columns.items():
        inputs[0, COLUMNS.index(name)] = value
    return inputs


def scaled(inputs: Array) -> Array:
    """The scales where the booster of the scale says 0.2."""
    return scales(inputs, np.full(len(inputs), 0.2))


def base(**columns: float) -> float:
    return float(location_base(row(**columns))[0])


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


def test_a_generic_model_has_the_level_of_its_name_and_no_text_score_of_its_own() -> None:
    levels = np.zeros(TRAITS + 1)
    levels[-1] = 0.2
    models = TrainedModels(TRAINED, np.array([0.5, -0.5, 1.0]), levels)
    names = (TRAINED[2], "Qwen3-8B", "alias")
    matches = ModelMatches.from_matches([models.match(name) for name in names])
    inputs = np.zeros((3, len(COLUMNS)))
    inputs[:, MODEL] = models.model_inputs(matches, own=np.array([0.1, 0.2, 0.0]))
    assert inputs[:, ROUTE].tolist() == [KNOWN, RELATED, GENERIC]
    assert inputs[:2, OWN].tolist() == [0.1, 0.2]
    assert np.isnan(inputs[2, OWN])
    assert inputs[0, OFFSET] == 1.0
    assert inputs[2, OFFSET] == pytest.approx(0.2)
    assert inputs[:2, COLUMNS.index("model_size")] == pytest.approx(np.log10([4, 8]))
    assert np.isnan(inputs[2, COLUMNS.index("model_size")])


def test_a_related_models_offset_lies_between_its_relatives_and_the_level_of_its_name() -> None:
    levels = np.zeros(TRAITS + 1)
    levels[-1] = -2.0
    models = TrainedModels(TRAINED, np.array([0.5, 0.5, 9.0]), levels)
    assert -2.0 < models.match("Qwen/Qwen3-8B").offset < 0.5
    assert models.match("Qwen/Qwen2.5-7B-Instruct").offset == 0.5


def test_the_base_is_the_models_level_and_a_part_of_the_text_score() -> None:
    assert base() == pytest.approx(USUAL)
    assert base(model_offset=0.4) == pytest.approx(USUAL + 0.4)
    assert 0 < base(text_all=USUAL + 1) - base() < 1
    assert base(text_own=0.3) == pytest.approx(base(text_all=USUAL + 0.3))
    assert base(text_own=np.nan, model_offset=np.nan) == pytest.approx(USUAL)


def test_thinking_lengthens_the_base_and_more_effort_lengthens_it_more() -> None:
    off, low, high = (base(thinking=effort) for effort in (0.0, 0.3, 1.0))
    assert off == pytest.approx(USUAL)
    assert off < low < high
    assert base(thinking=np.nan) == pytest.approx(off)


def test_a_trusted_prior_rules_the_base_and_an_untrusted_one_hardly_moves_it() -> None:
    wanted = np.log(3)
    trusted, doubtful = (
        base(prior=wanted, prior_spread=0.5, prior_trust=trust) for trust in (0.95, 0.1)
    )
    assert trusted == pytest.approx(wanted, abs=0.25)
    assert doubtful == pytest.approx(base(), abs=0.5)
    assert doubtful < base()


def test_the_last_answer_tells_the_level_of_a_model_or_kind_of_request_that_is_not_known() -> None:
    short = {"log_previous": np.log1p(4 * 20)}
    known, related, generic, unfamiliar = (
        base(**short, **more)
        for more in ({}, {"model_route": RELATED}, {"model_route": GENERIC}, {"unfamiliar": 1.0})
    )
    assert known == pytest.approx(base())
    assert base() > related > generic > np.log(20)
    assert unfamiliar == generic < USUAL - 1.5
    longer = base(log_previous=np.log1p(4 * 900), model_route=GENERIC)
    assert longer > base(model_route=GENERIC) + 0.5
    firm = {"prior": np.log(3), "prior_spread": 0.5, "prior_trust": 0.97}
    assert base(**firm, model_route=GENERIC, **short) == pytest.approx(base(**firm), abs=0.1)


def test_a_base_model_hardly_obeys_a_demand() -> None:
    demand = {"prior": np.log(3), "prior_spread": 0.5, "prior_trust": 0.95}
    assert base(**demand, model_base=1.0) > base(**demand) + 2
    models = TrainedModels(TRAINED, np.zeros(3))
    assert models.match("acme-7b-base").base
    assert not models.match("acme-7b-chat").base


def test_thinking_is_added_to_what_a_prior_says_of_the_answer() -> None:
    prior = {"prior": np.log(3), "prior_spread": 0.5, "prior_trust": 0.95}
    assert base(**prior, thinking=1.0) > base(**prior) + 2


def test_a_trusted_prior_leaves_little_of_the_boosters_correction() -> None:
    inputs = np.concatenate([row(prior_trust=trust) for trust in (0.0, 0.5, 0.95)])
    none, some, much = correction_share(inputs)
    assert none == 1
    assert none > some > much > 0
    assert much < 0.4


def test_a_trusted_prior_draws_the_scale_to_its_spread() -> None:
    prior = {"prior": 1.0, "prior_spread": 0.3}
    rows = [row(), *(row(**prior, prior_trust=trust) for trust in (0.1, 0.95))]
    free, doubtful, trusted = scales(np.concatenate(rows), np.zeros(3))
    assert free == 1
    assert doubtful == pytest.approx(1, abs=0.05)
    # A scale is a mean absolute error: 0.8 of a normal's standard deviation.
    assert trusted == pytest.approx(0.8 * 0.3, rel=0.25)


def test_letters_of_other_scripts_lower_the_latin_share() -> None:
    rows = [row(), row(**{"script kana": 0.4, "script han": 0.6}), row(**{"script accented": 0.1})]
    assert latin_share(np.concatenate(rows)) == pytest.approx([1.0, 0.0, 1.0])


def test_half_of_the_boosters_correction_counts_for_an_unfamiliar_request() -> None:
    inputs = np.concatenate([row(), row(unfamiliar=1.0), row(unfamiliar=4.0)])
    assert correction_share(inputs) == pytest.approx([1.0, 0.5, 0.5])


SPECIAL: list[dict[str, float]] = [
    {"prior": 2.0, "prior_spread": 0.4, "prior_trust": 0.9},
    {"prior": 4.0, "prior_spread": 0.7, "prior_trust": 0.5, "model_base": 1.0},
    {"thinking": 0.6},
    {"log_previous": 6.0, "unfamiliar": 1.0},
    {"model_route": GENERIC, "log_previous": 3.0, "text_own": np.nan, "model_offset": np.nan},
]


@pytest.mark.parametrize("formula", [location_base, correction_share, trusted, scaled])
def test_a_plain_request_is_forecast_alike_alone_and_beside_special_ones(
    formula: Callable[[Array], Array],
) -> None:
    """Alone, most of the formula is skipped."""
    rows = [row(), *(row(**columns) for columns in SPECIAL), row(model_offset=0.3)]
    together = formula(np.concatenate(rows))
    assert together.tolist() == [float(formula(alone)[0]) for alone in rows]
