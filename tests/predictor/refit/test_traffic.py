"""Traffic: which records of the served log a refit can use, and how it reads them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor import LengthPredictor, served_log
from predictor.artefact.versions import artefact_id
from predictor.features.definition import feature_hash
from predictor.raw_forecast import CAP_TOKENS
from predictor.refit.editable import EditableArtefact
from predictor.refit.refit import refit
from predictor.refit.traffic import usable_traffic
from predictor.training.interval_calibration import is_endless
from tests.predictor.small_castillo import LEVEL
from tests.predictor.traffic import logged_traffic, serve

FRESH = "acme-labs/Fresh-Instruct"
WITH_FRESH = {**LEVEL, FRESH: 3.0}


def test_forecasts_of_logged_requests_are_those_that_were_served(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    made = serve(tmp_path, small_predictor, 60, models={**WITH_FRESH, "google/gemma-2-2b-it": 1})
    again = EditableArtefact.read(small_model).raw_forecasts(
        logged_traffic(tmp_path, small_predictor)
    )
    first = small_predictor.raw_forecasts([prompt for prompt, _ in made])
    assert again.location == pytest.approx(first.location, abs=1e-3)
    assert again.scale == pytest.approx(first.scale, rel=1e-3)
    assert again.shape == pytest.approx(first.shape, rel=1e-3)
    assert again.endless == pytest.approx(first.endless)


def test_unusable_records_are_counted_by_reason(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log = tmp_path / "log"
    serve(log, small_predictor, 5)
    (one,) = served_log.read(log, limit=1).to_pylist()
    one |= {"inputs": np.ones(3), "artefact": "elsewhere"}
    writer = served_log.ServedLog(log)
    writer.append(served_log.ServedRecord(**one))
    writer.append(served_log.ServedRecord(**(one | {"inputs": None})))
    writer.append(served_log.ServedRecord(**(one | {"sequences": 4})))
    writer.close()
    usual = artefact_id(small_predictor.manifest)
    traffic, skipped = usable_traffic(
        served_log.read(log), feature_hash=feature_hash(), artefacts={usual: {}}
    )
    assert len(traffic) == 5
    assert skipped == {
        "without inputs": 1,
        "of several sequences": 1,
        "with other features": 1,
    }
    traffic, skipped = usable_traffic(
        served_log.read(log), feature_hash="another", artefacts={usual: {}}
    )
    assert len(traffic) == 0
    outcome = refit(log, tmp_path / "store")  # the model that ships did not serve these
    assert outcome.action == "waiting"
    assert "5 of another artefact" in outcome.reason


def test_only_an_answer_cut_at_the_generation_limit_is_endless(
    tmp_path: Path, small_predictor: LengthPredictor
) -> None:
    serve(tmp_path, small_predictor, 4)
    traffic = logged_traffic(tmp_path, small_predictor)
    tokens = np.array([100.0, CAP_TOKENS + 1.0, 900, CAP_TOKENS])
    censored = np.array([False, False, True, True])
    some = replace(traffic, tokens=tokens, censored=censored)
    assert some.ended.tolist() == [True, True, False, False]
    assert some.endless.tolist() == [False, False, False, True]
    assert some.endless.tolist() == is_endless(tokens, censored).tolist()
