"""Files with prompts, salts and keys are their owner's alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config.forecasting import Learning
from gateway.forecasting.learned_state import LearnedState
from predictor import files
from predictor.artefact.versions import Versions
from predictor.served_log import ServedLog
from tests.predictor.served_log.test_served_log import record


def modes(folder: Path) -> dict[str, int]:
    """The rights of everybody else on a folder and on all in it, by path; 0 for none."""
    found = [folder, *(path for path in folder.rglob("*") if not path.is_symlink())]
    return {str(path): stat.S_IMODE(path.stat().st_mode) & 0o077 for path in found}


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Nothing relies on the process's umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_what_was_learned_is_the_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "learned"
    learned = LearnedState.open(Learning(folder=folder))
    learned.close()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "manifest.json").write_bytes(b"{}")
    models = Versions(folder / "models")
    models.promote(models.publish(tmp_path / "model"), who="test", reason="test")
    assert len(modes(folder)) > 8
    assert not any(modes(folder).values()), modes(folder)


def test_full_segments_stay_the_owners_alone(tmp_path: Path) -> None:
    log = ServedLog(tmp_path / "served", segment_rows=2, flush_s=0.01)
    for number in range(5):
        log.append(record(number))
    log.close()
    assert sum(path.endswith(".parquet") for path in modes(tmp_path / "served")) == 2
    assert not any(modes(tmp_path / "served").values())


def test_what_an_earlier_version_left_open_is_narrowed(tmp_path: Path) -> None:
    for name in ("served", "models/versions/000001"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("served/served-000000000001.parquet", "models/versions/000001/words", "other"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "adaptive.npz").write_bytes(b"")
    LearnedState.open(Learning(folder=tmp_path)).close()
    found = modes(tmp_path)
    assert found.pop(str(tmp_path / "other")) == 0o066, "it is not the gateway's"
    assert not any(found.values()), found


def test_a_file_is_as_open_as_its_folder(tmp_path: Path) -> None:
    for mode, expected in ((0o700, 0o600), (0o755, 0o644)):
        folder = tmp_path / f"{mode:o}"
        folder.mkdir(mode)
        files.write_atomically(folder / "file", b"")
        assert stat.S_IMODE((folder / "file").stat().st_mode) == expected
