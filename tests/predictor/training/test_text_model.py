"""Two-way effects, and the level of prompts that only other models answered."""

import numpy as np
import pytest

from predictor.features.definition import Prompt, extract
from predictor.training import text_model
from predictor.training.text_model import two_way_effects


def test_effects_of_an_incomplete_table_are_recovered() -> None:
    rng = np.random.default_rng(0)
    prompt, model = rng.normal(5.0, 1.0, 40), np.array([-0.5, 0.0, 0.5])
    lengths = prompt[:, None] + model
    lengths[rng.random(lengths.shape) < 0.3] = np.nan
    lengths[7] = np.nan
    found_prompt, found_model = two_way_effects(lengths)
    assert np.isnan(found_prompt[7])
    known = ~np.isnan(found_prompt)
    assert found_prompt[known] == pytest.approx(prompt[known], abs=1e-3)
    assert found_model == pytest.approx(model, abs=1e-3)


def test_prompts_that_other_models_answered_are_put_on_the_level_of_their_words() -> None:
    texts = [f"write an essay on topic {number}" for number in range(30)]
    others = [f"write an essay on theme {number}" for number in range(10)]
    lengths = np.full((30, 2), 6.0)
    fitted = text_model.fit(
        extract([Prompt("", text) for text in (*texts, *others)]),
        lengths,
        np.arange(30) % 5,
        np.zeros(10),  # effects are relative: 0 is the data set's own mean
    )
    assert fitted.scores.shape[0] == 30
    assert fitted.scores[:, :2] == pytest.approx(6.0, abs=0.2)
