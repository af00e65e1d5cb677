"""The level of an unseen model follows what its name says."""

import numpy as np
import pytest

from predictor.arrays import Array
from predictor.fast.inputs import TrainedModels
from predictor.fast.model_level import TRAITS, fit_levels, level, trait_vector

SIZES = (1, 2, 4, 8, 14, 30, 70)


def fitted(effects: dict[str, float]) -> Array:
    names = list(effects)
    return fit_levels(names, np.array([effects[name] for name in names]), np.ones(len(names)))


def test_larger_models_are_longer_if_the_trained_ones_are() -> None:
    weights = fitted({f"acme-{size}b-instruct": float(np.log10(size)) for size in SIZES})
    small, large = (level(f"other-{size}b-instruct", weights) for size in (3, 50))
    assert large > small + 0.3


def test_newer_models_are_longer_if_the_trained_ones_are() -> None:
    old, new = "llama-2-7b-chat", "llama-3.3-70b-instruct"
    weights = fitted({old: -0.8, "qwen-7b-chat": -0.8, new: 0.8, "qwen3-8b": 0.8})
    assert level("deepseek-v3.1", weights) > level("vicuna-13b", weights) + 0.2


def test_a_family_known_to_be_long_lends_its_level_to_an_unseen_member() -> None:
    others = {f"gemma-2-{size}b-it": 0.0 for size in (2, 9, 27)}
    weights = fitted(others | {f"phi-3-{size}b-instruct": 1.0 for size in (2, 4, 14)})
    assert level("phi-3-7b-instruct", weights) > level("gemma-2-7b-it", weights) + 0.3


def test_a_model_that_counts_little_hardly_moves_the_levels() -> None:
    names, effects = [f"acme-{size}b" for size in SIZES], np.zeros(len(SIZES))
    effects[-1] = 5.0
    weights = np.ones(len(SIZES))
    equal = level("zeta-70b", fit_levels(names, effects, weights))
    weights[-1] = 0.01
    assert abs(level("zeta-70b", fit_levels(names, effects, weights))) < 0.1 * abs(equal)


def test_a_name_that_says_nothing_gets_the_mean_level() -> None:
    weights = fitted({f"acme-{size}b-instruct": 0.6 for size in SIZES})
    assert level("prod-alias", weights) == pytest.approx(0.6, abs=0.25)
    assert trait_vector("prod-alias").shape == (TRAITS,)
    assert np.isfinite(trait_vector("")).all()


def test_unknown_models_of_other_traits_get_other_forecasts() -> None:
    weights = fitted({f"acme-{size}b-instruct": float(np.log10(size)) for size in SIZES})
    models = TrainedModels(["acme-8b-instruct"], np.zeros(1), weights)
    names = ("zeta-1b-instruct", "zeta-70b-instruct", "zeta-70b-base")
    offsets = [models.match(name).offset for name in names]
    assert len(set(offsets)) == len(names)
    assert offsets[0] < offsets[1]


def test_models_of_before_the_training_data_are_shorter_the_older_they_are() -> None:
    weights = fitted({f"acme-{size}b-instruct-2025": 0.0 for size in SIZES})
    names = ("zeta-2025", "zeta-2024", "zeta-2022", "zeta-2021")
    newest, newer, old, older = (level(name, weights) for name in names)
    assert newest == pytest.approx(newer, abs=0.1)
    assert old < newer - 0.8
    assert older < old - 0.8


def test_a_number_in_a_name_that_is_no_year_of_release_makes_no_answer_vanish() -> None:
    weights = fitted({f"acme-{size}b-instruct-2025": 0.0 for size in SIZES})
    assert level("zeta-2012", weights) == pytest.approx(level("zeta-2020", weights), abs=0.1)
    assert level("zeta-2012", weights) > -3


def test_what_is_stated_of_early_models_is_not_learned_again() -> None:
    """Trained on early models, the level of one of them is what was measured."""
    weights = fitted({f"acme-{size}b-2022": -1.0 for size in SIZES})
    assert level("acme-9b-2022", weights) == pytest.approx(-1.0, abs=0.1)
    assert level("zeta-9b-2025", weights) == pytest.approx(0.0, abs=0.15)
