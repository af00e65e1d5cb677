"""Cross-fitting: no forecast comes from a fit that has seen its prompt or its hidden model."""

from dataclasses import replace

import numpy as np
import pytest

from predictor.arrays import Flags, Indices
from predictor.data import splits
from predictor.fast.evidence import NAMES as NAMES_OF_EVIDENCE
from predictor.fast.formulas import scales
from predictor.fast.inputs import COLUMNS, GENERIC, KNOWN, RELATED, ROUTE, TrainedModels
from predictor.fast.text_model import SHARED
from predictor.features.definition import Prompt, extract
from predictor.raw_forecast import LEVELS
from predictor.training.boosters import CellInputs, locate, predict
from predictor.training.cells import Cells
from predictor.training.crossfit import FOLDS, FittedHead, fit_head
from predictor.training.model_choice import families_of
from tests.predictor.training.builders import no_evidence

NOISE = 1.0
NAMES = ["qwen2.5-7b", "qwen2.5-14b", "mistral-7b"]
ONE_KIND = np.zeros(200, np.intp)
STRANGENESS = COLUMNS.index("strangeness")


def hidden(model: Indices, fold: Indices) -> Flags:
    """Which of n rows are of a model that the fit of their fold did not see."""
    family = families_of(NAMES)[model]
    return np.asarray((model % FOLDS == fold) | (family % FOLDS == fold))


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
        Cells(prompt, model, centre, centre[:, None], 0 * ones, ones, ones, ones),
        extract([Prompt("", text) for text in texts]),
        scores,  # random: by them a booster tells the prompts apart
        no_evidence(prompts),
        TrainedModels(NAMES, np.zeros(len(NAMES))),
        NAMES,
    )


@pytest.fixture(scope="module")
def fold(inputs: CellInputs) -> Indices:
    return splits.text_folds([str(number) for number in range(200)], FOLDS)


@pytest.fixture(scope="module")
def head(inputs: CellInputs, fold: Indices) -> FittedHead:
    return fit_head(inputs, fold, inputs, ONE_KIND, threads=1)


def test_an_out_of_fold_forecast_does_not_know_its_prompts_noise(
    inputs: CellInputs, head: FittedHead
) -> None:
    out = head.out_of_fold
    truth = inputs.cells.centre[out.cell]
    assert abs(np.corrcoef(out.location, truth)[0, 1]) < 0.2
    rows = inputs.rows(np.arange(600), [inputs.models.match(name) for name in NAMES])
    seen = locate(head.location, rows, threads=1)
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
    assert np.all(hidden(model, out.fold)[unseen])
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
    out = fit_head(odd, fold, odd, ONE_KIND, threads=1).out_of_fold
    unseen = (out.inputs[:, ROUTE] != KNOWN) & (cells.model[out.cell] == 0)
    assert np.median(out.location[unseen]) == pytest.approx(5.0, abs=0.25)


def test_models_without_a_text_column_are_hidden_in_turn_as_well(
    inputs: CellInputs, fold: Indices
) -> None:
    few = replace(inputs, models=TrainedModels(NAMES[:1], np.zeros(1)))
    out = fit_head(few, fold, few, ONE_KIND, threads=1).out_of_fold
    model, route = few.cells.model[out.cell], out.inputs[:, ROUTE]
    assert set(model[route == KNOWN]) == {0}
    assert set(model[route == RELATED]) == {1}
    assert set(model[route == GENERIC]) == {0, 1, 2}
    assert np.all(hidden(model, out.fold)[route != KNOWN])
    assert np.all(model[route == RELATED] % FOLDS == out.fold[route == RELATED])


def test_kinds_left_out_widen_strange_forecasts_and_are_in_nothing_else(
    inputs: CellInputs, fold: Indices, head: FittedHead
) -> None:
    kind = np.arange(200) % 2
    long = inputs.cells.centre + 4.0 * kind[inputs.cells.prompt]
    scores = np.column_stack([4.0 * kind, inputs.scores[:, 1:]])  # tells the kinds apart
    two = replace(
        inputs, cells=replace(inputs.cells, centre=long, values=long[:, None]), scores=scores
    )
    evident = inputs.evident.copy()
    evident[:, NAMES_OF_EVIDENCE.index("strangeness")] = (
        2.0  # what the prompts are to all other kinds
    )
    found = fit_head(two, fold, replace(two, evident=evident), kind, threads=1)
    out = found.out_of_fold
    assert set(out.fold) == set(range(FOLDS))
    assert len(out.cell) == len(head.out_of_fold.cell)
    assert np.all(out.inputs[:, STRANGENESS] == 0)
    rows = two.rows(np.arange(600), two.matches())
    plain = scales(rows.inputs, predict(found.scale, rows, threads=1))
    rows.inputs[:, STRANGENESS] = 2.0
    strange = scales(rows.inputs, predict(found.scale, rows, threads=1))
    assert np.median(strange) > 2 * np.median(plain)
    assert np.median(plain) < 2 * NOISE
