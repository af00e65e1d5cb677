"""A predictor trained on a small data set, once for all tests."""

from pathlib import Path

import pytest

from predictor import LengthPredictor
from predictor.training.train import train
from tests.predictor.small_castillo import write_data


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def small_model(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published model; tests must not change it."""
    out = tmp_path_factory.mktemp("models") / "small"
    train([small_data], out, holdout=60, refit=False)
    return out


@pytest.fixture(scope="session")
def small_predictor(small_model: Path) -> LengthPredictor:
    return LengthPredictor.load(small_model)
