"""Comparison of two artefacts on the same traffic."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor import LengthPredictor
from predictor.online.compare import compare
from predictor.online.editable import EditableArtefact
from tests.predictor.traffic import logged_traffic, serve, shifted


def test_a_comparison_tells_better_and_worse_from_noise(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    serve(tmp_path, small_predictor, 300)
    traffic, base = logged_traffic(tmp_path, small_predictor), EditableArtefact.read(small_model)
    worse = shifted(base, 1.0)
    assert compare(base, worse, traffic).worse
    assert compare(worse, base, traffic).better
    same = compare(base, base, traffic)
    assert not same.better
    assert not same.worse
    assert same.gain == 0
    cut = replace(traffic, censored=np.ones(300, dtype=bool), limit=traffic.tokens * 1e-6)
    assert compare(base, worse, cut).gain == pytest.approx(0, abs=1e-6)  # a cut at 0 tells nothing
