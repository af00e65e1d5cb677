"""Training rows: every cell as it is, and some again with the model unseen."""

import numpy as np
import pytest

from predictor.fast.inputs import (
    GENERIC,
    KNOWN,
    OFFSET,
    OWN,
    PRIOR,
    RELATED,
    ROUTE,
    SPREAD,
    THINKING,
    TRUST,
    TrainedModels,
)
from predictor.fast.model_level import TRAITS
from predictor.fast.text_model import SHARED
from predictor.features.definition import Prompt, extract
from predictor.training.boosters import CellInputs, Rows, fit_location, locate
from predictor.training.cells import Cells
from tests.predictor.training.builders import no_evidence

NAMES = ["qwen2.5-7b", "qwen2.5-14b", "mistral-7b"]
LEVEL = 0.7
"""The level of a model without relatives."""


@pytest.fixture
def inputs() -> CellInputs:
    prompt, model = np.divmod(np.arange(1200), 3)
    ones = np.ones(1200)
    return CellInputs(
        Cells(prompt, model, ones, ones[:, None], 0 * ones, ones, ones, ones),
        extract([Prompt("", f"prompt {number}") for number in range(400)]),
        np.zeros((400, SHARED + 3)),
        no_evidence(400),
        TrainedModels(NAMES, np.array([0.1, 0.2, 0.3]), np.append(np.zeros(TRAITS), LEVEL)),
        NAMES,
    )


def test_every_cell_is_a_row_and_some_cells_teach_the_unseen_routes(inputs: CellInputs) -> None:
    cells = np.arange(1200)
    rows = inputs.training_rows(cells, np.zeros(0, np.intp), np.random.default_rng(0))
    route = rows.inputs[:, ROUTE]
    assert rows.cell[route == KNOWN].tolist() == cells.tolist()
    # A third of the cells is of a model without relatives, which counts as generic.
    assert np.mean(route == RELATED) * len(route) == pytest.approx(0.3 * 800, rel=0.2)
    assert np.mean(route == GENERIC) * len(route) == pytest.approx(0.3 * 1600, rel=0.2)
    assert set(rows.weight[route != KNOWN]) == {0.3}
    assert set(rows.weight[route == KNOWN]) == {1.0}


def test_a_hidden_model_lends_nothing_to_its_relatives(inputs: CellInputs) -> None:
    cells = np.flatnonzero(inputs.cells.model == 0)
    rows = inputs.training_rows(cells, np.array([1]), np.random.default_rng(0))
    assert RELATED not in rows.inputs[:, ROUTE]
    generic = rows.inputs[rows.inputs[:, ROUTE] == GENERIC]
    assert len(generic)
    assert np.isnan(generic[:, OWN]).all()
    assert set(generic[:, OFFSET]) == {LEVEL}  # its name's, not its own or its relative's


def test_a_model_without_a_text_column_is_a_row_by_its_name(inputs: CellInputs) -> None:
    cells = inputs.cells
    more = CellInputs(
        Cells(*(getattr(cells, name) for name in cells.__slots__)),
        inputs.features,
        inputs.scores,
        inputs.evident,
        TrainedModels(NAMES[:1], np.array([0.1]), np.append(np.zeros(TRAITS), LEVEL)),
        NAMES,
    )
    rows = more.rows(np.arange(3), more.matches())
    assert rows.inputs[:, ROUTE].tolist() == [KNOWN, RELATED, GENERIC]
    hidden = more.rows(np.arange(3), more.unseen(np.array([0, 2])))
    assert hidden.inputs[0, ROUTE] == GENERIC


def test_a_row_thinks_as_its_cell_does_whatever_the_prompt_alone_says(inputs: CellInputs) -> None:
    inputs.cells.effort[:3] = [0.0, 0.5, 1.0]
    rows = inputs.rows(np.arange(3), inputs.matches())
    assert rows.inputs[:, THINKING].tolist() == [0.0, 0.5, 1.0]
    assert np.all(np.diff(rows.base - rows.inputs[:, OFFSET]) > 0)


def test_a_prior_is_no_obstacle_to_lengths_that_differ_from_it(inputs: CellInputs) -> None:
    every = inputs.rows(np.arange(1200), inputs.matches())
    every.inputs[:, PRIOR], every.inputs[:, SPREAD], every.inputs[:, TRUST] = 3.0, 0.5, 0.8
    rows = Rows(every.cell, every.inputs, every.weight)
    inputs.cells.centre[:] = rows.base + 0.2
    booster = fit_location(rows, inputs.cells, threads=1, hasty=True)
    assert locate(booster, rows, threads=1) == pytest.approx(inputs.cells.centre, abs=0.02)
