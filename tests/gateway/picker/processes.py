"""Pickers as processes of their own, for tests that end or kill them."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.gateway.harness import PATIENCE_S


@asynccontextmanager
async def running(worker: str, port: int, admin: int, **variables: str) -> AsyncIterator[Process]:
    """A picker before one worker, once it has told its address; ``variables`` as LENGTHWISE_*."""
    env = {**os.environ, "LENGTHWISE_PREDICTOR_ENABLED": "false"}
    env |= {"LENGTHWISE_ADMIN_LISTEN": f"127.0.0.1:{admin}"}
    env |= {"LENGTHWISE_SHADOW_ENABLED": "'off'", "LENGTHWISE_SHUTDOWN_LAME_DUCK_S": "0"}
    env |= {f"LENGTHWISE_{name}": value for name, value in variables.items()}
    words = ("-m", "gateway.cli", "picker", "--worker", worker, "--port", str(port))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words), stdout=PIPE, stderr=PIPE, env=env
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            told = (await process.stdout.readline()).decode()
        assert told == f"Lengthwise is picking endpoints on grpc://127.0.0.1:{port}\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
