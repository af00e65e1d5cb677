"""Ray itself starts the scheduler's actor again: whoever has its handle needs nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.on_ray.processes import START_S, RayRun

pytest.importorskip("ray", reason="pip install 'ray[serve]'")
pytestmark = pytest.mark.timeout(300)


def test_a_killed_scheduler_starts_again_as_the_same_actor(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run = RayRun([sys.executable, "-m", "tests.gateway.on_ray.restart_run"], log)
    try:
        code = run.process.wait(timeout=START_S)
        lines = log.read_text().splitlines()
        assert code == 0, lines
        first, second = json.loads(next(one for one in lines if one.startswith("[")))
        assert first != second
    except subprocess.TimeoutExpired:
        raise AssertionError(log.read_text()) from None
    finally:
        run.end()
