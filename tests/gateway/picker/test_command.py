"""``lengthwise picker`` as a process behind Envoy: it ends in peace, and another one goes on."""

from __future__ import annotations

import signal
from pathlib import Path

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from tests.gateway.harness import chat, forced, post
from tests.gateway.picker.envoy import envoy, free_port
from tests.gateway.picker.processes import running

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
            status, told = await post(session, url, chat())
            assert (status, told["error"]["code"]) == (503, "no_picker")
            async with running(worker.url, port, admin):
                status, _ = await post(session, url, chat(vllm_xargs=forced(3)))
                assert status == 200
                async with session.get(f"http://127.0.0.1:{admin}/metrics") as response:
                    assert 'picker_requests_total{result="placed"} 1.0' in await response.text()
