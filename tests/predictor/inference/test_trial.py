"""A model's trial: what it notices in the trees and in the forecasts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from predictor.artefact.format import ArtefactError
from predictor.fast.predictor import DEFAULT
from predictor.inference.trial import try_out
from tests.predictor.damaged_models import damage


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT, tmp_path / "model"))


def test_the_model_that_ships_passes() -> None:
    try_out(DEFAULT, refine=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [("split_feature", "9" * 9), ("leaf_value", "nan"), ("leaf_value", "-inf")],
)
def test_trees_that_load_and_make_no_sense_are_refused(model: Path, field: str, value: str) -> None:
    damage(model, "scale", field, value)
    with pytest.raises(ArtefactError, match="the trees of scale make no sense"):
        try_out(model, refine=False)
