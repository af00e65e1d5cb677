"""Which models get a text column of their own."""

from collections.abc import Mapping

import numpy as np
import pytest

from predictor.data.records import Records
from predictor.training.model_choice import (
    MOST_MODELS,
    families_of,
    own_models_first,
    trait_weights,
)

CORPORA = ("tea", "code", "law", "chess")


def records(answered: Mapping[str, tuple[int, ...]]) -> Records:
    """Models (name: numbers of prompts answered in each of the corpora)."""
    each = max(max(counts) for counts in answered.values())
    pairs = [
        (corpus * each + at, model)
        for model, counts in enumerate(answered.values())
        for corpus, count in enumerate(counts)
        for at in range(count)
    ]
    prompt, model = np.array(pairs).T
    prompts = each * len(CORPORA)
    return Records.of_texts(
        [f"prompt {at}" for at in range(prompts)],
        corpus=np.repeat(CORPORA, each),
        validate=np.ones(prompts, dtype=np.bool_),
        models=list(answered),
        prompt=prompt,
        model=model,
        tokens=1.0 + model,
        censored=np.zeros(len(prompt), dtype=np.bool_),
    )


def test_models_of_few_corpora_or_few_prompts_get_no_column_and_come_last() -> None:
    made = records(
        {
            "narrow": (400, 0, 0, 0),
            "z-broad": (200, 200, 200, 200),
            "rare": (20, 20, 20, 20),
            "a-broad": (60, 60, 60, 0),
        }
    )
    ordered, count = own_models_first(made)
    assert ordered.models[:count] == ["a-broad", "z-broad"]
    assert set(ordered.models[count:]) == {"narrow", "rare"}
    # Each model keeps its answers.
    for name, tokens in (("narrow", 1.0), ("z-broad", 2.0), ("rare", 3.0), ("a-broad", 4.0)):
        own = ordered.model == ordered.models.index(name)
        assert set(ordered.tokens[own]) == {tokens}
    assert len(ordered.tokens) == len(made.tokens)


def test_at_most_so_many_models_get_a_column_and_those_of_most_prompts_do() -> None:
    counts = {f"m{at:02d}": (120 + at, 120) for at in range(MOST_MODELS + 4)}
    ordered, count = own_models_first(records(counts))
    assert count == MOST_MODELS
    assert ordered.models[:count] == sorted(counts)[4:]


def test_a_small_data_set_of_one_model_has_a_column() -> None:
    ordered, count = own_models_first(records({"only": (30, 0, 0, 0)}))
    assert (ordered.models, count) == (["only"], 1)


def test_a_model_with_few_cells_counts_less_in_the_fit_of_the_traits() -> None:
    weights = trait_weights(np.repeat([0, 1], [20, 2000]), 3)
    assert weights == pytest.approx([0.5, 1.0, 0.0], abs=0.02)


def test_models_of_one_family_have_one_number_and_nameless_ones_their_own() -> None:
    names = ("qwen2.5-7b", "zeta", "Qwen/Qwen3-8B", "mistral-7b", "omega", "mixtral-8x7b")
    family = families_of(names).tolist()
    assert family[0] == family[2]
    assert family[3] == family[5]
    assert len(set(family)) == 4
