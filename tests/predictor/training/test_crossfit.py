"""Cross-fitting: no forecast comes from a fit that has seen its prompt or its hidden model."""

from dataclasses import replace

import numpy as np
import pytest

from predictor.arrays import Indices
from predictor.data import splits
from predictor.fast.inputs import GENERIC, KNOWN, RELATED, ROUTE, TrainedModels
from predictor.fast.text_model import SHARED
from predictor.features.definition import Prompt, extract
from predictor.raw_forecast import LEVELS
from predictor.training.boosters import CellInputs, predict
from predictor.training.cells import Cells
from predictor.training.crossfit import FOLDS, FittedHead, fit_head

NOISE = 1.0
NAMES = ["qwen2.5-7b", "qwen2.5-14b", "mistral-7b"]


@pytest.fixture(scope="module")
def inputs() -> CellInputs:
    """200 prompts whose lengths are pure noise: only a fit that has seen them can know them."""
    prompts = 200
    prompt, model = np.divmod(np.arange(prompts * len(NAMES)), len(NAMES))
    noise = np.random.default_rng(0).normal(0.0, NOISE, prompts)
    centre = 5.0 + noise[prompt]
    ones = np.ones(len(prompt))
    texts = [f"prompt number {number} of some length {'x' * (number % 7)}" for number in range(200)]
    scores = np.random.default_rng(1).normal(size=(prompts, SHARED + len(NAMES)))
    return CellInputs(
        Cells(prompt, model, centre, centre[:, None], ones, ones),
        extract([Prompt("", text) for text in texts]),
        scores,  # random: by them a booster tells the prompts apart
        TrainedModels(NAMES, np.zeros(len(NAMES))),
    )


@pytest.fixture(scope="module")
def fold(inputs: CellInputs) -> Indices:
    return splits.text_folds([str(number) for number in range(200)], FOLDS)


@pytest.fixture(scope="module")
def head(inputs: CellInputs, fold: Indices) -> FittedHead:
    return fit_head(inputs, fold, threads=1)


def test_an_out_of_fold_forecast_does_not_know_its_prompts_noise(
    inputs: CellInputs, head: FittedHead
) -> None:
    out = head.out_of_fold
    truth = inputs.cells.centre[out.cell]
    assert abs(np.corrcoef(out.location, truth)[0, 1]) < 0.2
    rows = inputs.rows(np.arange(600), [inputs.models.match(name) for name in NAMES])
    seen = rows.base + predict(head.location, rows, threads=1)
    assert np.corrcoef(seen, inputs.cells.centre)[0, 1] > 0.5


def test_the_scale_is_that_of_unseen_prompts(head: FittedHead) -> None:
    assert np.median(head.out_of_fold.scale) == pytest.approx(0.8 * NOISE, rel=0.35)


def test_every_cell_is_forecast_once_as_known_by_the_fold_of_its_prompt(
    inputs: CellInputs, head: FittedHead, fold: Indices
) -> None:
    out = head.out_of_fold
    known = out.inputs[:, ROUTE] == KNOWN
    assert sorted(out.cell[known].tolist()) == list(range(600))
    assert out.fold.tolist() == fold[inputs.cells.prompt[out.cell]].tolist()


def test_only_hidden_models_are_forecast_as_unseen(inputs: CellInputs, head: FittedHead) -> None:
    out = head.out_of_fold
    unseen = out.inputs[:, ROUTE] != KNOWN
    model = inputs.cells.model[out.cell]
    assert np.all(model[unseen] % FOLDS == out.fold[unseen])
    assert set(out.inputs[unseen, ROUTE]) == {RELATED, GENERIC}
    related = out.inputs[:, ROUTE] == RELATED
    assert set(model[related]) == {0, 1}  # mistral has no relative


def test_each_known_model_has_a_shape_and_so_have_related_and_generic_ones(
    head: FittedHead,
) -> None:
    assert head.shapes.shape == (len(NAMES) + 2, len(LEVELS))
    assert np.all(np.diff(head.shapes, axis=1) >= 0)


def test_a_hidden_models_lengths_are_not_known_to_the_fit(
    inputs: CellInputs, fold: Indices
) -> None:
    cells = inputs.cells
    longer = cells.centre + 3.0 * (cells.model == 0)
    odd = replace(inputs, cells=replace(cells, centre=longer, values=longer[:, None]))
    out = fit_head(odd, fold, threads=1).out_of_fold
    unseen = (out.inputs[:, ROUTE] != KNOWN) & (cells.model[out.cell] == 0)
    assert np.median(out.location[unseen]) == pytest.approx(5.0, abs=0.25)
