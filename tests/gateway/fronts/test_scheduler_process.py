"""The scheduler's process beside the fronts."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from gateway.fronts.commands import scheduler_command
from gateway.fronts.process import Child
from tests.gateway.harness import PATIENCE_S


async def test_signals_that_ask_for_a_reload_end_no_scheduler(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.sock"
    child = Child("scheduler", lambda link: scheduler_command(str(path), 1, link))
    keeping = asyncio.create_task(child.keep())
    await asyncio.wait_for(child.serving.wait(), 3 * PATIENCE_S)
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(child.pid, number)
    child.signal(signal.SIGTERM)
    assert await asyncio.wait_for(keeping, PATIENCE_S) == 0
