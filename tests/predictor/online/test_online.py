"""Refits: what they learn, when they are promoted, and when they go."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from predictor import ArtefactError, LengthPredictor, Prompt, served
from predictor.artefact.versions import Versions, artefact_id
from predictor.features.definition import feature_hash
from predictor.files import LockedError, exclusive
from predictor.online.boost import continued
from predictor.online.censoring import imputed, kaplan_meier
from predictor.online.command import refit_command
from predictor.online.compare import compare
from predictor.online.extend import extended, learn_models
from predictor.online.parts import Parts
from predictor.online.refit import refit, watch
from predictor.online.traffic import Traffic, collect
from predictor.served.command import summary
from tests.predictor.small_castillo import FREE, LEVEL
from tests.predictor.traffic import serve

FRESH = "acme-labs/Fresh-Instruct"
WITH_FRESH = {**LEVEL, FRESH: 3.0}
ESSAY = "Write a long essay on tea with part 77, please."


def gathered(log: Path, predictor: LengthPredictor) -> Traffic:
    return collect(
        served.read(log),
        feature_hash=feature_hash(),
        artefacts={artefact_id(predictor.manifest): {}},
    )[0]


def current(store: Path) -> LengthPredictor:
    return LengthPredictor.load(store / "current")


def test_logged_requests_are_seen_as_they_were_when_served(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    made = serve(tmp_path, small_predictor, 60, models={**WITH_FRESH, "google/gemma-2-2b-it": 1})
    again = Parts.read(small_model).raw_forecasts(gathered(tmp_path, small_predictor))
    first = small_predictor.raw_forecasts([prompt for prompt, _ in made])
    assert again.location == pytest.approx(first.location, abs=1e-3)
    assert again.scale == pytest.approx(first.scale, rel=1e-3)
    assert again.shape == pytest.approx(first.shape)
    assert again.endless == pytest.approx(first.endless)


def test_a_model_met_in_traffic_is_learned_and_served_as_it_was_compared(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 800, models=WITH_FRESH)
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
    assert manifest["online"]["compared"]["low"] > 0
    assert list(manifest["online"]["learned"]) == ["fresh-instruct"]

    made = serve(log, current(store), 60, models=WITH_FRESH, start=2e9, seed=5)
    versions = Versions(store)
    known = {
        event["identity"]: {k: np.array(v["axes"]) for k, v in event["learned"].items()}
        for event in versions.history()
    }
    traffic, _ = collect(served.read(log, limit=60), feature_hash=feature_hash(), artefacts=known)
    folder = versions.current()
    assert folder is not None
    again = Parts.read(folder).raw_forecasts(traffic)
    first = current(store).raw_forecasts([prompt for prompt, _ in made])
    assert again.location == pytest.approx(first.location, abs=0.01)  # columns are half precision


def test_a_refit_keeps_the_refined_tier(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    whole = replace(Parts.read(small_model), files={"encoder.onnx": b"a graph"})
    whole = replace(whole, boosters={**whole.boosters, "refined_scale": whole.boosters["scale"]})
    whole.write(tmp_path / "model")
    serve(log, LengthPredictor.load(tmp_path / "model"), 800, models=WITH_FRESH)
    assert refit(log, store, model=tmp_path / "model").version == "000002"
    refitted = Parts.read(store / "current")
    assert refitted.files == {"encoder.onnx": b"a graph"}
    assert refitted.boosters["refined_scale"] == whole.boosters["scale"]


def test_traffic_like_the_training_data_changes_nothing(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 600)
    outcome = refit(log, store, model=small_model)
    assert outcome.action == "kept" or outcome.figures["low"] > 0
    assert outcome.figures["second_crps"] < 1.02 * outcome.figures["first_crps"]
    assert Versions(store).history()[-1]["action"] in {"keep", "promote"}


def test_known_models_that_answer_otherwise_now_are_followed(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 900, models={name: 2 * level for name, level in LEVEL.items()})
    outcome = refit(log, store, model=small_model)
    assert outcome.action == "promoted"
    (forecast,) = current(store).predict([Prompt(FREE[0], ESSAY)])
    assert forecast.quantile(0.5) > 800
    assert outcome.figures["second_crps"] < 0.8 * outcome.figures["first_crps"]


def test_the_next_refit_needs_new_answers(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 150, models=WITH_FRESH)
    early = refit(log, store, model=small_model)
    assert early.action == "waiting"
    assert early.reason == "150 answers ended since the last fit, need 200"
    serve(log, small_predictor, 500, models=WITH_FRESH, start=2e9, seed=1)
    assert refit(log, store).action == "promoted"
    again = refit(log, store)
    assert again.action == "waiting"
    assert again.reason.startswith("130 answers ended")


def test_records_of_other_features_or_artefacts_are_counted_and_named(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log = tmp_path / "log"
    serve(log, small_predictor, 5)
    (one,) = served.read(log, limit=1).to_pylist()
    one |= {"inputs": np.ones(3), "artefact": "elsewhere"}
    writer = served.ServedLog(log)
    writer.append(served.ServedRecord(**one))
    writer.append(served.ServedRecord(**(one | {"inputs": None})))
    writer.append(served.ServedRecord(**(one | {"sequences": 4})))
    writer.close()
    usual = artefact_id(small_predictor.manifest)
    traffic, skipped = collect(served.read(log), feature_hash=feature_hash(), artefacts={usual: {}})
    assert len(traffic) == 5
    assert skipped == {
        "without inputs": 1,
        "of several sequences": 1,
        "with other features": 1,
    }
    traffic, skipped = collect(served.read(log), feature_hash="another", artefacts={usual: {}})
    assert len(traffic) == 0
    outcome = refit(log, tmp_path / "store")  # the model that ships did not serve these
    assert outcome.action == "waiting"
    assert "5 of another artefact" in outcome.reason


def test_cut_answers_do_not_make_a_model_look_short(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    serve(tmp_path, small_predictor, 1500, models=WITH_FRESH, max_tokens=900)
    traffic = gathered(tmp_path, small_predictor)
    assert traffic.censored.sum() > 100
    base = Parts.read(small_model)
    honest, naive = (
        continued(extended(base, learn_models(base, base, seen)), seen)
        for seen in (traffic, replace(traffic, censored=np.zeros(len(traffic), dtype=bool)))
    )
    fresh = traffic.model == traffic.names.index("fresh-instruct")
    essays = traffic.where(fresh & traffic.censored)
    at_honest, at_naive = (
        float(np.exp(np.median(parts.raw_forecasts(essays).location))) for parts in (honest, naive)
    )
    assert at_naive < at_honest
    assert at_honest > 1100


def test_a_censored_length_becomes_its_expectation_beyond_the_cut() -> None:
    z = np.tile(np.linspace(-2, 2, 24), (3, 1))
    logs = np.array([5.0, 5.0, 9.0])
    out = imputed(logs, np.array([False, True, True]), np.full(3, 5.0), np.full(3, 0.5), z)
    assert out[0] == 5.0
    assert 5.3 < out[1] < 5.6  # half-normal: 0.8 standard deviations, a little less here
    assert out[2] == pytest.approx(9.05)


def test_kaplan_meier_in_a_case_worked_by_hand() -> None:
    mass, left = kaplan_meier(np.array([3.0, 1.0, 2.0, 4.0]), np.array([False, False, True, True]))
    assert mass == pytest.approx([0.375, 0.25, 0.0, 0.0])
    assert left == pytest.approx(0.375)


def test_a_comparison_tells_better_from_worse_and_from_noise(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    serve(tmp_path, small_predictor, 300)
    traffic, base = gathered(tmp_path, small_predictor), Parts.read(small_model)
    worse = shifted(base, 1.0)
    assert compare(base, worse, traffic).worse
    assert compare(worse, base, traffic).better
    same = compare(base, base, traffic)
    assert not same.better
    assert not same.worse
    assert same.gain == 0
    cut = replace(traffic, censored=np.ones(300, dtype=bool), limit=traffic.tokens * 1e-6)
    assert compare(base, worse, cut).gain == pytest.approx(0, abs=1e-6)  # a cut at 0 tells nothing


def shifted(parts: Parts, by: float) -> Parts:
    """The artefact with all models' levels wrong by ``by`` log tokens."""
    manifest = {**parts.manifest, "online": {"base": parts.lineage, "until": 0.0}}
    arrays = {**parts.arrays, "offsets": parts.arrays["offsets"] + by}
    return Parts.of(manifest, arrays, parts.boosters)


def test_a_promoted_version_that_does_worse_is_rolled_back(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 30)
    refit(log, store, model=small_model)
    bad = tmp_path / "bad"
    shifted(Parts.read(small_model), 1.0).write(bad)
    versions = Versions(store)
    versions.promote(versions.publish(bad), who="test", reason="by mistake")
    assert watch(log, store) is None
    serve(log, LengthPredictor.load(bad), 300, start=time.time() + 10, seed=3)
    verdict = watch(log, store)
    assert verdict is not None
    assert verdict.worse
    outcome = refit(log, store)
    assert outcome.action == "rolled back"
    assert outcome.version == "000001"
    assert versions.history()[-1]["action"] == "rollback"
    assert watch(log, store) is None


def test_the_command_refits_in_a_process_of_its_own(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    serve(log, small_predictor, 600, models=WITH_FRESH)
    line = refit_command(log, store, model=small_model)
    assert line[0] == sys.executable
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["action"] == "promoted"
    with exclusive(store / "refit.lock"):
        busy = subprocess.run(line, capture_output=True, text=True, check=False)
    assert busy.returncode == 2
    assert "refit.lock is locked by process" in busy.stderr
    told = summary(served.read(log))
    assert told["records"] == 600
    assert told["models"][FRESH]["censored"] == 0


def test_a_broken_store_or_log_is_named(tmp_path: Path, small_model: Path) -> None:
    with pytest.raises(served.LogError, match="nowhere is not a served log"):
        refit(tmp_path / "nowhere", tmp_path / "store", model=small_model)
    with pytest.raises(ArtefactError, match=r"manifest\.json cannot be read"):
        refit(tmp_path, tmp_path / "other", model=tmp_path / "no-model")
    with exclusive(tmp_path / "refit.lock"), pytest.raises(LockedError):
        refit(tmp_path, tmp_path, model=small_model)
