"""`lengthwise refit` as a process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from predictor import LengthPredictor, served_log
from predictor.files import exclusive
from predictor.refit.command import refit_command
from predictor.served_log.command import summary
from tests.predictor.small_castillo import LEVEL
from tests.predictor.traffic import serve

FRESH = "acme-labs/Fresh-Instruct"
WITH_FRESH = {**LEVEL, FRESH: 3.0}


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
    told = summary(served_log.read(log))
    assert told["records"] == 600
    assert told["models"][FRESH]["censored"] == 0


def run(*words: str) -> tuple[int, str]:
    """Exit code and standard error of `lengthwise`, in a process whose priority `refit` lowers."""
    line = [sys.executable, "-m", "gateway.cli", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["refit", "rollback"])
def test_a_folder_that_is_missing_is_told_and_nothing_is_made(command: str, tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "store")]
    log = ["--log", str(tmp_path / "log")] if command == "refit" else []
    code, errors = run(command, *log, *store)
    assert code == 2
    [line] = errors.splitlines()
    assert "; give the folder" in line
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_missing_leaves_no_store(tmp_path: Path) -> None:
    log, store = tmp_path / "log", tmp_path / "store"
    log.mkdir()
    (log / "lock").touch()
    flags = ["--log", str(log), "--store", str(store), "--model-dir", str(tmp_path / "nowhere")]
    assert run("refit", *flags)[0] == 2
    assert not store.exists()
