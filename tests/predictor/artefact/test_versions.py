"""Published versions: promotion, rollback, crashes and pruning."""

import json
import os
from pathlib import Path

import pytest

from predictor import ArtefactError, LengthPredictor
from predictor.artefact import format
from predictor.artefact.versions import Versions, artefact_id
from predictor.files import LockedError, exclusive


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return model(tmp_path / "source", 0)


def model(folder: Path, mark: int) -> Path:
    format.publish(
        folder, manifest={}, arrays={}, boosters={}, texts={"README.md": f"model {mark}"}
    )
    return folder


def filled(store: Path, source: Path, count: int) -> Versions:
    versions = Versions(store)
    for at in range(count):
        name = versions.publish(model(source, at))
        versions.promote(name, who="test", reason=f"number {at}", base=at == 0)
    return versions


def test_an_empty_store_has_no_current_version(tmp_path: Path) -> None:
    versions = Versions(tmp_path / "absent")
    assert versions.current() is None
    assert versions.previous() is None
    assert versions.history() == []


def test_publishing_changes_nothing_until_promoted(tmp_path: Path, source: Path) -> None:
    versions = filled(tmp_path / "store", source, 1)
    before = versions.current()
    name = versions.publish(source)
    assert versions.current() == before
    versions.promote(name, who="test", reason="better")
    assert versions.current() == tmp_path / "store" / "versions" / "000002"


def test_the_current_version_can_be_loaded(tmp_path: Path, small_model: Path) -> None:
    versions = Versions(tmp_path)
    versions.promote(versions.publish(small_model), who="test", reason="first")
    assert LengthPredictor.load(tmp_path / "current").manifest["format"] == format.FORMAT


def test_each_rollback_goes_one_version_back_and_records_the_reason(
    tmp_path: Path, source: Path
) -> None:
    versions = filled(tmp_path, source, 3)
    assert versions.rollback(who="me", reason="too long") == "000002"
    assert versions.rollback(who="me", reason="still") == "000001"
    with pytest.raises(ArtefactError, match="no version before 000001"):
        versions.rollback(who="me", reason="again")
    last = versions.history()[-1]
    assert (last["action"], last["who"], last["reason"]) == ("rollback", "me", "still")
    assert last["left"] == "000002"


def test_a_version_promoted_after_a_rollback_rolls_back_to_the_version_before_it(
    tmp_path: Path, source: Path
) -> None:
    versions = filled(tmp_path, source, 3)
    versions.rollback(who="me", reason="bad")
    name = versions.publish(source)
    versions.promote(name, who="me", reason="another try")
    assert name == "000004"
    assert versions.rollback(who="me", reason="bad, too") == "000002"


def test_old_versions_are_deleted_but_never_current_previous_or_base(
    tmp_path: Path, source: Path
) -> None:
    versions = filled(tmp_path, source, 9)
    kept = sorted(path.name for path in (tmp_path / "versions").iterdir())
    assert kept == ["000001", *(f"{at:06d}" for at in range(5, 10))]
    base = versions.base()
    assert base is not None
    assert base.name == "000001"
    for _ in range(3):
        versions.publish(source)
    assert versions.current() == tmp_path / "versions" / "000009"
    assert versions.previous() == tmp_path / "versions" / "000008"


def test_a_number_is_never_given_twice(tmp_path: Path, source: Path) -> None:
    versions = filled(tmp_path, source, 2)
    versions.rollback(who="me", reason="bad")
    for file in (tmp_path / "versions" / "000002").iterdir():
        file.unlink()
    (tmp_path / "versions" / "000002").rmdir()
    assert versions.publish(source) == "000003"


def test_promotion_is_refused_if_another_became_current(tmp_path: Path, source: Path) -> None:
    versions = filled(tmp_path, source, 2)
    compared = versions.current()
    versions.rollback(who="operator", reason="by hand")
    name = versions.publish(source)
    with pytest.raises(ArtefactError, match=r"current is 000001 now, no longer 000002"):
        versions.promote(name, who="refit", reason="better", expected=compared)
    current = versions.current()
    assert current is not None
    assert current.name == "000001"
    with pytest.raises(ArtefactError, match=r"000077.*cannot be read"):
        versions.promote("000077", who="me", reason="typo")


def test_a_crash_before_the_switch_leaves_the_old_version_and_its_way_back(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = filled(tmp_path, source, 2)
    name = versions.publish(source)

    def crash(self: Versions, version: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Versions, "_switch", crash)
        with pytest.raises(KeyboardInterrupt):
            versions.promote(name, who="me", reason="better")
    (tmp_path / ".current.new").symlink_to("versions/000001")  # left by a crash in the switch
    with (tmp_path / "history.jsonl").open("ab") as file:
        file.write(b'{"when": "20')
    current, previous = versions.current(), versions.previous()
    assert current is not None
    assert previous is not None
    assert (current.name, previous.name) == ("000002", "000001")
    versions.promote(name, who="me", reason="better")
    assert versions.rollback(who="me", reason="bad") == "000002"


def test_the_history_keeps_figures_and_identity(tmp_path: Path, source: Path) -> None:
    versions = Versions(tmp_path)
    name = versions.publish(source)
    versions.promote(name, who="refit", reason="better", figures={"gain": 1.5})
    versions.record_kept(who="refit", reason="no better", figures={"gain": -1.0})
    promoted, kept = versions.history()
    manifest = json.loads((source / format.MANIFEST).read_text())
    assert promoted["identity"] == promoted["lineage"] == artefact_id(manifest)
    assert promoted["figures"] == {"gain": 1.5}
    assert kept["action"] == "keep"
    assert versions.promoted_at(name) > 1.7e9


def test_copies_of_a_model_have_the_same_artefact_id(tmp_path: Path, source: Path) -> None:
    def of(folder: Path) -> str:
        return artefact_id(json.loads((folder / format.MANIFEST).read_text()))

    assert of(source) == of(model(tmp_path / "same", 0))
    assert of(source) != of(model(tmp_path / "other", 1))


def test_a_second_writer_is_refused(tmp_path: Path, source: Path) -> None:
    versions = filled(tmp_path, source, 2)
    with (
        exclusive(tmp_path / "lock"),
        pytest.raises(LockedError, match=f"process {os.getpid()}"),
    ):
        versions.rollback(who="me", reason="bad")
    assert versions.rollback(who="me", reason="bad") == "000001"
