"""Signals to the process: while vLLM loads, and those that must not end it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.gateway.harness import PATIENCE_S, until
from tests.gateway.workers.test_launch import runs

VLLM = """\
#!/bin/sh
sleep 600 &
echo $! > "$PIDS.new"
mv "$PIDS.new" "$PIDS"
wait
"""
"""A vLLM that loads for ten minutes, in two processes."""

HARMLESS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_while_the_model_loads_ends_vllm_too(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = tmp_path / "vllm"
    program.write_text(VLLM)
    program.chmod(0o755)
    pids = tmp_path / "pids"
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PIDS": str(pids)}
    command = [sys.executable, "-m", "gateway.cli", "serve", "some/model", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stderr=PIPE, env=env)
    try:
        async with asyncio.timeout(2 * PATIENCE_S):
            while not pids.exists():
                assert process.returncode is None
                await asyncio.sleep(0.02)
            for harmless in HARMLESS:
                process.send_signal(harmless)
            process.send_signal(number)
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 128 + number
    ended = f"lengthwise: ended by {number.name} before the gateway served"
    assert ended in errors.decode().splitlines()
    assert b"Traceback" not in errors
    for harmless in HARMLESS:
        assert errors.decode().count(f"{harmless.name} changes nothing") == 1
    await until(lambda: not runs(int(pids.read_text())), "the engine has ended")
