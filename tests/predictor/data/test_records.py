"""Records: samples stay with their prompt and model."""

from pathlib import Path

import numpy as np
import pytest

from predictor.data import castillo
from tests.predictor.small_castillo import BOUND


def test_samples_stay_with_their_prompt_and_model(small_data: Path) -> None:
    records = castillo.read_castillo(small_data)
    part = records.of_prompts(records.corpus == "Mbpp").of_models([BOUND[0]])
    assert len(part.tokens) == 80 * 5
    assert np.bincount(part.prompt).tolist() == [5] * 80
    assert np.median(part.tokens) == pytest.approx(160 * 0.4, rel=0.1)
