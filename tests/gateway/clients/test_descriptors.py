"""A low limit on open files ends in one clear line, or in fewer connections."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from gateway.clients.descriptors import LEAST
from tests.gateway.harness import PATIENCE_S, chat, post

resource = pytest.importorskip("resource")

SERVE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
from gateway.cli import main
sys.exit(main(["serve", "--port", "0"]))
"""


@asynccontextmanager
async def served(descriptors: int) -> AsyncIterator[Process]:
    """``lengthwise serve`` with so many descriptors and no predictor."""
    settings = {"LENGTHWISE_PREDICTOR_ENABLED": "false", "LENGTHWISE_SHUTDOWN_LAME_DUCK_S": "0"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVE, str(descriptors)),
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, **settings},
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("descriptors", [20, LEAST - 1])
async def test_with_too_few_descriptors_it_ends_with_one_line(descriptors: int) -> None:
    async with served(descriptors) as process:
        told, errors = await process.communicate()
        assert (process.returncode, told) == (2, b"")
        (line,) = errors.decode().splitlines()
        assert f"{descriptors} open files" in line
        assert "ulimit -n 4096" in line


async def test_with_few_descriptors_it_serves_few_clients(session: aiohttp.ClientSession) -> None:
    async with served(LEAST) as process:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().split()[-1]
        answers = await asyncio.gather(*(post(session, url, chat(max_tokens=3)) for _ in range(8)))
        assert [status for status, _ in answers] == [200] * 8
        process.terminate()
        _, errors = await process.communicate()
        assert process.returncode == 0
        assert f"{LEAST} descriptors (ulimit -n) allow only 16 connections" in errors.decode()
        assert "Traceback" not in errors.decode()
