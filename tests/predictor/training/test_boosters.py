"""Training rows: every cell as it is, and some again with the model unseen."""

import numpy as np
import pytest

from predictor.fast.inputs import GENERIC, KNOWN, OFFSET, RELATED, ROUTE, TrainedModels
from predictor.fast.text_model import SHARED
from predictor.features.definition import Prompt, extract
from predictor.training.boosters import CellInputs
from predictor.training.cells import Cells

NAMES = ["qwen2.5-7b", "qwen2.5-14b", "mistral-7b"]


@pytest.fixture
def inputs() -> CellInputs:
    prompt, model = np.divmod(np.arange(1200), 3)
    ones = np.ones(1200)
    return CellInputs(
        Cells(prompt, model, ones, ones[:, None], ones, ones),
        extract([Prompt("", f"prompt {number}") for number in range(400)]),
        np.zeros((400, SHARED + 3)),
        TrainedModels(NAMES, np.array([0.1, 0.2, 0.3])),
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
    assert np.isnan(rows.inputs[rows.inputs[:, ROUTE] == GENERIC][:, OFFSET]).all()
