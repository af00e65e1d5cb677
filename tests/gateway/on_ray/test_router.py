"""The request router in real Serve, over a stand-in for Serve LLM."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.gateway.on_ray.processes import START_S, RayRun

pytest.importorskip("ray", reason="pip install 'ray[serve]'")


@pytest.mark.timeout(300)
def test_requests_go_shortest_first_and_every_slot_is_free_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.gateway.on_ray.router_run", str(tmp_path)]
    run = RayRun(command, tmp_path / "log")
    try:
        run.process.wait(timeout=START_S)
        told = json.loads((tmp_path / "told").read_text()) if (tmp_path / "told").exists() else None
    finally:
        run.end()
    assert told is not None, (tmp_path / "log").read_text()
    tokens, priorities = zip(*told["seen"][1:], strict=True)  # the first one held the engine
    assert list(tokens) == told["served"]
    assert priorities == tuple(sorted(priorities))
    assert told["after_a_kill"] == [True, True, True]
