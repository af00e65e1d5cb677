"""Refits: what they learn, and when they promote, keep, wait or roll back."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor import ArtefactError, LengthPredictor, Prompt, served_log
from predictor.artefact.versions import Versions, artefact_id
from predictor.features.definition import feature_hash
from predictor.files import LockedError, exclusive
from predictor.refit.compare import judge
from predictor.refit.editable import EditableArtefact
from predictor.refit.promote import promote
from predictor.refit.refit import refit
from predictor.refit.start import adopt_offline_model, read_start
from predictor.refit.traffic import usable_traffic
from tests.predictor.small_castillo import LEVEL
from tests.predictor.traffic import serve, shifted

FRESH = "acme-labs/Fresh-Instruct"
WITH_FRESH = {**LEVEL, FRESH: 3.0}
ESSAY = "Write a long essay on tea with part 77, please."


def current(store: Path) -> LengthPredictor:
    return LengthPredictor.load(store / "current")


def test_a_model_that_occurs_in_traffic_only_is_learned_and_promoted(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 1600, models=WITH_FRESH)
    outcome = refit(log, store, model=small_model)
    assert outcome.action == "promoted", outcome
    assert outcome.version == "000002"
    before, after = (
        p.predict([Prompt(FRESH, ESSAY)])[0] for p in (small_predictor, current(store))
    )
    assert before.quantile(0.5) < 1200
    assert after.quantile(0.5) == pytest.approx(1800, rel=0.25)
    manifest = current(store).manifest
    assert manifest["online"]["base"] == artefact_id(small_predictor.manifest)
    compared = manifest["online"]["compared"]
    assert compared["raw_second_crps"] < 0.7 * compared["raw_first_crps"]
    assert [path.name for path in store.glob("*.npz")] == ["layer-000002.npz"]
    assert list(manifest["online"]["learned"]) == ["fresh-instruct"]

    made = serve(log, current(store), 60, models=WITH_FRESH, start=2e9, seed=5)
    versions = Versions(store)
    known = {
        event["identity"]: {k: np.array(v["axes"]) for k, v in event["learned"].items()}
        for event in versions.history()
    }
    traffic, _ = usable_traffic(
        served_log.read(log, limit=60), feature_hash=feature_hash(), artefacts=known
    )
    folder = versions.current()
    assert folder is not None
    again = EditableArtefact.read(folder).raw_forecasts(traffic)
    first = current(store).raw_forecasts([prompt for prompt, _ in made])
    assert again.location == pytest.approx(first.location, abs=0.01)  # columns are half precision


def test_a_refit_keeps_the_refined_tier(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    whole = replace(EditableArtefact.read(small_model), files={"encoder.onnx": b"a graph"})
    whole = replace(whole, boosters={**whole.boosters, "refined_scale": whole.boosters["scale"]})
    whole.write(tmp_path / "model")
    serve(log, LengthPredictor.load(tmp_path / "model"), 1600, models=WITH_FRESH)
    assert refit(log, store, model=tmp_path / "model").version == "000002"
    refitted = EditableArtefact.read(store / "current")
    assert refitted.files == {"encoder.onnx": b"a graph"}
    assert refitted.boosters["refined_scale"] == whole.boosters["scale"]


def test_traffic_like_the_training_data_changes_nothing(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 600)
    outcome = refit(log, store, model=small_model)
    assert outcome.action == "kept" or outcome.figures["low"] > 0
    assert outcome.figures["second_crps"] < 1.05 * outcome.figures["first_crps"]
    assert Versions(store).history()[-1]["action"] in {"keep", "promote"}


def test_a_change_in_the_lengths_of_known_models_is_learned(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 900, models={name: 2 * level for name, level in LEVEL.items()})
    outcome = refit(log, store, model=small_model)
    assert outcome.figures["raw_second_crps"] < 0.8 * outcome.figures["raw_first_crps"]
    assert outcome.figures["second_crps"] < 1.1 * outcome.figures["first_crps"]


def test_the_next_refit_needs_new_answers(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 150, models=WITH_FRESH)
    early = refit(log, store, model=small_model)
    assert early.action == "waiting"
    assert early.reason == "150 answers ended since the last fit, need 200"
    serve(log, small_predictor, 1050, models=WITH_FRESH, start=2e9, seed=1)
    assert refit(log, store).action == "promoted"
    again = refit(log, store, least=400)
    assert again.action == "waiting"
    assert again.reason.startswith("360 answers ended")


def test_a_promoted_version_that_is_worse_is_rolled_back(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 30)
    refit(log, store, model=small_model)
    bad = tmp_path / "bad"
    shifted(EditableArtefact.read(small_model), 1.0).write(bad)
    versions = Versions(store)
    versions.promote(versions.publish(bad), who="test", reason="by mistake")
    assert refit(log, store).action == "waiting"
    serve(log, LengthPredictor.load(bad), 300, start=time.time() + 10, seed=3)
    outcome = refit(log, store)
    assert outcome.action == "rolled back"
    assert outcome.version == "000001"
    assert versions.history()[-1]["action"] == "rollback"
    assert "worse than the previous version by" in outcome.reason


def test_an_unusable_store_or_log_is_named(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    with pytest.raises(served_log.LogError, match="nowhere is not a served log"):
        refit(tmp_path / "nowhere", tmp_path / "store", model=small_model)
    log = tmp_path / "log"
    serve(log, small_predictor, 5)
    with pytest.raises(ArtefactError, match=r"manifest\.json cannot be read"):
        refit(log, tmp_path / "other", model=tmp_path / "no-model")
    with exclusive(tmp_path / "refit.lock"), pytest.raises(LockedError):
        refit(log, tmp_path, model=small_model)


def test_a_change_that_later_traffic_does_not_confirm_is_not_promoted(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    doubled = {name: 2 * level for name, level in LEVEL.items()}
    serve(log, small_predictor, 400, models=doubled)
    serve(log, small_predictor, 100, start=2e9, seed=1)
    outcome = refit(log, store, model=small_model)
    assert outcome.action == "kept"
    assert outcome.version == "000001"
    assert Versions(store).history()[-1]["action"] == "keep"


def test_traffic_from_before_a_promotion_does_not_roll_it_back(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store, bad = tmp_path / "log", tmp_path / "store", tmp_path / "bad"
    serve(log, small_predictor, 250)
    versions = Versions(store)
    versions.promote(versions.publish(small_model), who="test", reason="offline", base=True)
    shifted(EditableArtefact.read(small_model), 1.0).write(bad)
    versions.promote(versions.publish(bad), who="test", reason="by mistake")
    assert refit(log, store).action != "rolled back"


def test_a_candidate_whose_forecasts_are_no_lengths_is_not_promoted(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, versions = tmp_path / "log", Versions(tmp_path / "store")
    serve(log, small_predictor, 30)
    adopt_offline_model(versions, small_model)
    start = read_start(versions, log, 100)
    same = shifted(start.base, 0.0)
    nan = {"shapes": np.full_like(same.arrays["shapes"], np.nan)}
    broken = replace(same, arrays={**same.arrays, **nan})
    everything = np.ones(len(start.traffic), dtype=bool)
    verdict = judge(start.base, start.base, start.traffic, everything)
    with pytest.raises(ArtefactError, match="no lengths; nothing was promoted"):
        promote(start, broken, "boosters", start.traffic, verdict)
    assert versions.current() == start.folder
    assert len(versions.history()) == 1
