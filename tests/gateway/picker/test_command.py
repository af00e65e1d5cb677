"""``lengthwise picker`` as a process behind Envoy: it ends in peace, and another one goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from tests.gateway.harness import PATIENCE_S, chat, forced, post
from tests.gateway.picker.envoy import envoy, free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def running(worker: str, port: int, admin: int) -> AsyncIterator[Process]:
    """The process, once it has told its address."""
    env = {**os.environ, "LENGTHWISE_PREDICTOR_ENABLED": "false"}
    env |= {"LENGTHWISE_ADMIN_LISTEN": f"127.0.0.1:{admin}"}
    env |= {"LENGTHWISE_SHUTDOWN_LAME_DUCK_S": "0"}
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


async def test_a_restart_lets_streams_end_and_the_next_picker_goes_on(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    port, admin = free_port(), free_port()
    with EmbeddedEmulator(EmulatorConfig(speed=5)) as worker:
        async with envoy(tmp_path, port) as url:
            async with running(worker.url, port, admin) as first:
                body = chat(stream=True, vllm_xargs=forced(150))
                async with session.post(url + "/v1/chat/completions", json=body) as response:
                    await response.content.readuntil(b"\n\n")
                    first.send_signal(signal.SIGTERM)
                    assert (await response.read()).endswith(b"data: [DONE]\n\n")
                assert await first.wait() == 0
            async with session.post(url + "/v1/chat/completions", json=chat()) as response:
                assert response.status == 500  # failure_mode_allow: false
            async with running(worker.url, port, admin):
                status, _ = await post(session, url, chat(vllm_xargs=forced(3)))
                assert status == 200
                async with session.get(f"http://127.0.0.1:{admin}/metrics") as response:
                    assert 'picker_requests_total{result="placed"} 1.0' in await response.text()
