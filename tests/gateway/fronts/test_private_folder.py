"""A gateway's folder goes with it, or with the next gateway after its parent was killed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from gateway.fronts import private_folder as module
from gateway.fronts.handoff import SALT
from gateway.fronts.private_folder import LOCK, private_folder


def left(folder: Path, *files: str) -> Path:
    folder.mkdir()
    for name in files:
        (folder / name).touch()
    return folder


def test_folders_that_nobody_holds_are_removed_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "MOST_PATH_BYTES", 4096)
    killed = left(tmp_path / "lengthwise-a", LOCK, SALT, "accounts")
    begins = left(tmp_path / "lengthwise-b", LOCK)
    foreign = left(tmp_path / "lengthwise-c", SALT)
    with private_folder() as lives:
        assert not killed.exists()
        with private_folder() as other:
            assert lives.exists()
            assert other != lives
        assert not other.exists()
        assert begins.exists()
        assert foreign.exists()
    assert not lives.exists()
