"""Two-way effects of prompts and models."""

import numpy as np
import pytest

from predictor.arrays import Array
from predictor.fast.location import with_thinking
from predictor.training.cells import Cells
from predictor.training.effects import answer_effects, two_way_effects


def effects(table: Array, shrinkage: float = 0.0) -> tuple[Array, Array]:
    """The effects of a table, prompts x models, whose NaN are no cells."""
    keys = np.array(np.nonzero(~np.isnan(table)))
    prompts, models = table.shape
    weight = np.ones(keys.shape[1])
    return two_way_effects(keys, table[tuple(keys)], weight, (prompts, models), shrinkage)


def test_effects_of_an_incomplete_table_are_recovered() -> None:
    rng = np.random.default_rng(0)
    prompt, model = rng.normal(5.0, 1.0, 40), np.array([-0.5, 0.0, 0.5])
    lengths = prompt[:, None] + model
    lengths[rng.random(lengths.shape) < 0.3] = np.nan
    lengths[7] = np.nan
    found_prompt, found_model = effects(lengths)
    assert np.isnan(found_prompt[7])
    known = ~np.isnan(found_prompt)
    level = found_model[1]  # the model effects have a mean of 0 over the cells
    assert found_prompt[known] + level == pytest.approx(prompt[known], abs=1e-3)
    assert found_model - level == pytest.approx(model, abs=1e-3)
    counts = (~np.isnan(lengths)).sum(axis=0)
    assert found_model @ counts == pytest.approx(0.0, abs=1e-6)


def test_prompts_and_models_measured_apart_from_all_others_keep_their_level() -> None:
    rng = np.random.default_rng(1)
    table = np.full((60, 5), np.nan)
    table[:50, :4] = rng.normal(4.0, 0.5, (50, 1)) + np.array([-0.3, -0.1, 0.1, 0.3])
    table[50:, 4] = rng.normal(7.0, 0.5, 10)  # ten prompts that one other model answered
    prompt, model = effects(table, shrinkage=3.0)
    assert prompt[50:].mean() - prompt[:50].mean() == pytest.approx(3.0, abs=0.4)
    assert model[4] == pytest.approx(0.0, abs=0.2)
    assert model[:4] - model[0] == pytest.approx([0.0, 0.2, 0.4, 0.6], abs=0.05)


def test_the_effect_of_a_model_with_few_cells_is_drawn_to_that_of_all_models() -> None:
    table = np.full((40, 3), 5.0)
    table[:, 2] = np.nan
    table[0, 2] = 9.0
    free, drawn = (effects(table, shrinkage)[1][2] for shrinkage in (0.0, 3.0))
    assert 0 < drawn < 0.5 * free


def test_the_effects_are_of_the_answers_without_their_thinking() -> None:
    answer = np.repeat([3.0, 5.0, 6.0], 2)
    effort = np.tile([0.0, 1.0], 3)
    prompt, model = np.divmod(np.arange(6), 2)
    total, ones = with_thinking(answer, effort), np.ones(6)
    cells = Cells(prompt, model, total, total[:, None], effort, ones, ones, ones)
    found = answer_effects(cells, 4, 2)
    assert found.answer == pytest.approx(answer, abs=1e-6)
    assert found.prompt[:3] == pytest.approx([3.0, 5.0, 6.0], abs=1e-3)
    assert np.isnan(found.prompt[3])
    assert found.model == pytest.approx([0.0, 0.0], abs=1e-3)
    assert found.departures(cells) == pytest.approx(np.zeros(6), abs=1e-3)
    assert found.answered.tolist() == [2, 2, 2, 0]
