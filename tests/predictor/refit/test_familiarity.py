"""A refit makes the kinds of request that it learned from familiar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from predictor import LengthPredictor, Prompt
from predictor.arrays import Array
from predictor.artefact.versions import Versions, artefact_id
from predictor.evaluation import scores
from predictor.fast.inputs import STRANGENESS, UNFAMILIAR
from predictor.refit.editable import EditableArtefact
from predictor.refit.familiarity import LEAST, familiar_with
from predictor.refit.refit import refit
from tests.predictor.small_castillo import FREE, SIGMA
from tests.predictor.traffic import log_answers, logged_traffic

_TOPICS = ("お茶", "川", "将棋", "電車", "パン", "雲", "地図", "蜂", "紙", "嵐")
_FORMS = (("{}とは何ですか。{}番。", 60.0), ("{}について作文を書いてください。{}番。", 500.0))


def japanese(count: int, *, seed: int = 0) -> list[tuple[Prompt, float]]:
    """Requests in a script that the small model was not trained on, and their true lengths."""
    rng = np.random.default_rng(seed)
    made = []
    for at in range(count):
        form, median = _FORMS[rng.integers(len(_FORMS))]
        text = form.format(_TOPICS[rng.integers(len(_TOPICS))], at % 90)
        made.append((Prompt(FREE[0], text), np.rint(median * np.exp(SIGMA * rng.normal()))))
    return made


def novelty_of(predictor: LengthPredictor, made: list[tuple[Prompt, float]]) -> Array:
    inputs = predictor.raw_forecasts([prompt for prompt, _ in made]).inputs
    return inputs[:, [STRANGENESS, UNFAMILIAR]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """A store whose current version was refitted on Japanese traffic."""
    folder = tmp_path_factory.mktemp("familiar")
    log_answers(folder / "log", LengthPredictor.load(small_model), japanese(700))
    outcome = refit(folder / "log", folder / "store", model=small_model)
    assert outcome.action == "promoted", outcome
    return folder / "store"


def test_traffic_of_a_new_script_is_familiar_after_a_refit(
    store: Path, small_predictor: LengthPredictor
) -> None:
    new = japanese(100, seed=1)
    assert np.all(novelty_of(small_predictor, new)[:, 1] >= 1)
    after = novelty_of(LengthPredictor.load(store / "current"), new)
    assert np.mean(after[:, 1] == 0) > 0.95
    russian = [(Prompt(FREE[0], "Напиши сочинение о реке."), 1.0)]
    assert novelty_of(LengthPredictor.load(store / "current"), russian)[0, 1] >= 1


def test_intervals_are_as_narrow_after_a_refit_as_errors_warrant(
    store: Path, small_predictor: LengthPredictor
) -> None:
    new = japanese(200, seed=2)
    prompts, came = [prompt for prompt, _ in new], np.array([tokens for _, tokens in new])
    factor = {}
    for name, predictor in (
        ("before", small_predictor),
        ("after", LengthPredictor.load(store / "current")),
    ):
        atoms, mass = predictor.atoms(prompts)
        low, high = (scores.quantile(atoms, mass, level) for level in (0.1, 0.9))
        factor[name] = float(np.median(high / low))
        inside = np.mean((came >= low) & (came <= high))
    assert factor["before"] > 6
    assert factor["after"] < 2 * np.exp(2 * 1.28 * SIGMA)  # the true interval's factor
    assert inside > 0.7


def test_a_replay_of_the_log_finds_requests_as_novel_as_they_were_when_served(
    store: Path, tmp_path: Path, small_predictor: LengthPredictor
) -> None:
    """Also requests whose features lie at the ends of ranges, in the precision of the log."""
    current = LengthPredictor.load(store / "current")
    made = [*japanese(120), *japanese(60, seed=7)]
    for name, predictor in (("base", small_predictor), ("current", current)):
        log_answers(tmp_path / name, predictor, made)
        traffic = logged_traffic(tmp_path / name, predictor)
        folder = Versions(store).base() if name == "base" else store / "current"
        assert folder is not None
        artefact = EditableArtefact.read(folder)
        assert artefact_id(artefact.manifest) == artefact_id(predictor.manifest)
        again = artefact.booster_inputs(traffic)[:, [STRANGENESS, UNFAMILIAR]]
        live = novelty_of(predictor, made)
        np.testing.assert_array_equal(again.astype(np.float32), live.astype(np.float32))


def test_a_version_judges_a_request_by_what_it_knows_itself_and_not_by_what_logged_it(
    store: Path, tmp_path: Path, small_predictor: LengthPredictor
) -> None:
    made = japanese(40, seed=3)
    log_answers(tmp_path, small_predictor, made)
    traffic = logged_traffic(tmp_path, small_predictor)
    refitted = EditableArtefact.read(store / "current").booster_inputs(traffic)
    assert np.all(traffic.inputs[:, UNFAMILIAR] >= 1)
    assert np.mean(refitted[:, UNFAMILIAR] == 0) > 0.9


def test_a_few_requests_make_no_script_familiar(
    tmp_path: Path, small_model: Path, small_predictor: LengthPredictor
) -> None:
    plain = [(Prompt(FREE[0], f"What is tea? Case {at}."), 40.0) for at in range(100)]
    for count in (LEAST - 1, LEAST):
        made = [*plain, *japanese(count)]
        log_answers(tmp_path / str(count), small_predictor, made)
        traffic = logged_traffic(tmp_path / str(count), small_predictor)
        known = familiar_with(EditableArtefact.read(small_model), traffic)
        found = known.booster_inputs(traffic)[len(plain) :, UNFAMILIAR]
        assert np.all(found >= 1) if count < LEAST else np.mean(found == 0) > 0.8
