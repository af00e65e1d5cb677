"""Comparison of two artefacts on the same traffic."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor import LengthPredictor
from predictor.refit.compare import compare
from predictor.refit.editable import EditableArtefact
from predictor.refit.traffic import LoggedTraffic
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


def repeated(traffic: LoggedTraffic, times: int) -> LoggedTraffic:
    """The same requests ``times`` over; a request and its repetitions share a prompt."""
    return traffic.where(np.tile(np.arange(len(traffic)), times))


def test_repetitions_of_a_prompt_do_not_narrow_the_interval(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    serve(tmp_path, small_predictor, 60)
    traffic, base = logged_traffic(tmp_path, small_predictor), EditableArtefact.read(small_model)
    other = shifted(base, 0.3)
    once, often = (compare(base, other, seen) for seen in (traffic, repeated(traffic, 9)))
    assert often.records == 9 * once.records
    assert often.gain == pytest.approx(once.gain)
    assert often.high - often.low == pytest.approx(once.high - once.low)
