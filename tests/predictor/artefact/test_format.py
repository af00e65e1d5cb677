"""Model directories: published whole, and refused with a remedy if damaged."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from predictor import ArtefactError, LengthPredictor, Prompt
from predictor.artefact import format


@pytest.fixture
def copy(small_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_model, tmp_path / "copy"))


def edit(folder: Path, **changes: Any) -> None:
    file = folder / format.MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_copy_predicts_the_same(copy: Path, small_predictor: LengthPredictor) -> None:
    prompts = [Prompt("acme/Solo-Instruct", "What is tea? Case 4.")]
    assert LengthPredictor.load(copy).predict(prompts) == small_predictor.predict(prompts)


@pytest.mark.parametrize("name", ["arrays.npz", "location.txt.gz", "scale.txt.gz", "README.md"])
def test_a_damaged_file_is_refused_by_name(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(ArtefactError, match=f"{name} is damaged.*lengthwise train"):
        LengthPredictor.load(copy)


def test_an_absent_file_is_refused_by_name(copy: Path) -> None:
    (copy / "scale.txt.gz").unlink()
    with pytest.raises(ArtefactError, match=r"scale\.txt\.gz cannot be read.*lengthwise train"):
        LengthPredictor.load(copy)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"manifest\.json cannot be read.*lengthwise train"):
        LengthPredictor.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": []}'])
def test_a_foreign_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / format.MANIFEST).write_text(text)
    with pytest.raises(ArtefactError, match=r"manifest\.json"):
        LengthPredictor.load(tmp_path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"feature_hash": "0" * 32}, "other features"),
        ({"format": 99}, "format 99"),
        ({"files": {"../arrays.npz": ""}}, "elsewhere"),
        ({"files": {}}, "lacks"),
        ({"models": ["one"]}, "do not fit together"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    copy: Path, changes: dict[str, Any], reason: str
) -> None:
    edit(copy, **changes)
    with pytest.raises(ArtefactError, match=reason):
        LengthPredictor.load(copy)


def test_publishing_replaces_the_whole_directory(copy: Path) -> None:
    (copy / "left-over.txt").write_text("from before")
    format.publish(copy, manifest={"new": 1}, arrays={"a": np.ones(2)}, boosters={}, texts={})
    stored = format.read(copy)
    assert stored.manifest["new"] == 1
    assert stored.arrays["a"].tolist() == [1, 1]
    assert sorted(file.name for file in copy.iterdir()) == ["arrays.npz", "manifest.json"]
    assert [file.name for file in copy.parent.iterdir()] == ["copy"]


def test_a_failed_publication_leaves_the_old_model(copy: Path) -> None:
    with pytest.raises(TypeError):
        format.publish(copy, manifest={"bad": object()}, arrays={}, boosters={}, texts={})
    LengthPredictor.load(copy)
    assert [file.name for file in copy.parent.iterdir()] == ["copy"]


def test_a_folder_of_other_things_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ArtefactError, match="something other"):
        format.publish(tmp_path, manifest={}, arrays={}, boosters={}, texts={})
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_without_lightgbm_the_remedy_is_named(
    small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ArtefactError, match=r"LightGBM cannot be loaded.*libgomp1"):
        LengthPredictor.load(small_model)
