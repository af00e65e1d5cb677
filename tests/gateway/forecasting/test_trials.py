"""Trials of models in processes of their own: crashes, limits, and what need not be tried."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from gateway.forecasting.trials import Trials
from predictor import ArtefactError
from predictor.fast.predictor import DEFAULT
from tests.predictor.damaged_models import damage


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A sound model that is not the one that ships."""
    place = tmp_path / "model"
    shutil.copytree(DEFAULT, place)
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "README.md").write_text("another card")
    manifest["files"]["README.md"] = hashlib.sha256(b"another card").hexdigest()
    (place / "manifest.json").write_text(json.dumps(manifest))
    return place


async def test_a_model_that_crashes_its_process_is_refused_by_name(model: Path) -> None:
    damage(model, "scale", "left_child", "9" * 9)
    with pytest.raises(ArtefactError, match=f"{model} crashes the process that loads it .SIG"):
        await Trials().check(model, refine=False)


async def test_a_refusal_has_the_reason_of_the_trial(model: Path) -> None:
    (model / "arrays.npz").write_bytes(b"half a fi")
    with pytest.raises(ArtefactError, match=r"arrays\.npz is damaged"):
        await Trials().check(model, refine=False)


async def test_a_trial_has_a_time_limit(model: Path) -> None:
    with pytest.raises(ArtefactError, match=r"longer than 0\.01 s"):
        await Trials(limit_s=0.01).check(model, refine=False)


async def test_a_model_is_tried_once(model: Path) -> None:
    trials = Trials()
    await trials.check(model, refine=False)
    (model / "arrays.npz").unlink()  # another trial would fail
    await trials.check(model, refine=False)
    with pytest.raises(ArtefactError):
        await trials.check(model, refine=True)


async def test_the_model_that_ships_and_copies_of_it_are_trusted(tmp_path: Path) -> None:
    shutil.copytree(DEFAULT, tmp_path / "copy")
    for path in (None, tmp_path / "copy"):
        await Trials(limit_s=0).check(path, refine=True)
