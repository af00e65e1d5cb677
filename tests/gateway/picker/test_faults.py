"""Pickers and Envoys that end or are killed under load: each client learns what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import chat, forced, until
from tests.gateway.picker.envoy import envoy, free_port
from tests.gateway.picker.processes import running

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

BOUND_S = 20.0
"""Seconds within which every client must know."""

WORKER = EmulatorConfig(engine=EngineConfig(max_num_seqs=8), speed=20)
CLIENTS = 24


class Load:
    """Clients that ask one request after the other, for the length of a block."""

    def __init__(self, url: str, session: aiohttp.ClientSession, tokens: int = 30) -> None:
        self._url, self._session, self._tokens = url + "/v1/chat/completions", session, tokens
        self._clients: list[asyncio.Task[None]] = []
        self._stopping = False
        self.ends: Counter[str] = Counter()
        """How requests ended: a status with the error's code, or ``cut``."""

    async def __aenter__(self) -> Load:
        self._clients = [asyncio.create_task(self._client(n % 2 == 0)) for n in range(CLIENTS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._clients:
            one.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def stop(self) -> None:
        """Let each client end its request, within the bound."""
        self._stopping = True
        await asyncio.gather(*self._clients)

    async def _client(self, stream: bool) -> None:
        while not self._stopping:
            async with asyncio.timeout(BOUND_S):
                self.ends[await self._ask(stream)] += 1

    async def _ask(self, stream: bool) -> str:
        body = chat(stream=stream, vllm_xargs=forced(self._tokens))
        try:
            async with self._session.post(self._url, json=body) as response:
                if response.status != 200:
                    await asyncio.sleep(0.05)  # as a client does that tries again
                    return f"{response.status} {(await response.json())['error']['code']}"
                whole = await response.read()
        except aiohttp.ClientError:
            await asyncio.sleep(0.05)
            return "cut"
        assert whole.endswith((b"data: [DONE]\n\n", b"}")), whole[-100:]
        return "200"

    async def more(self, count: int, end: str) -> None:
        """Return once so many requests more have ended in one way."""
        now = self.ends[end]
        await until(lambda: self.ends[end] >= now + count, f"{count} more: {end}")


async def metric(session: aiohttp.ClientSession, url: str, name: str) -> float:
    """The sum of a metric's samples."""
    async with session.get(url + "/metrics") as response:
        text = await response.text()
    families = text_string_to_metric_families(text)
    return sum(one.value for family in families for one in family.samples if one.name == name)


async def becomes(session: aiohttp.ClientSession, url: str, name: str, value: float) -> None:
    """Return once a metric has this value."""
    async with asyncio.timeout(BOUND_S):
        while await metric(session, url, name) != value:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)


async def _idle(session: aiohttp.ClientSession, worker: str, admin: int) -> None:
    """Return once worker and picker have nothing left: no slot has leaked."""
    await becomes(session, worker, "vllm:num_requests_running", 0)
    for name in (
        "requests_in_flight",
        "worker_in_flight_sequences",
        "queue_length",
        "picker_streams",
    ):
        await becomes(session, f"http://127.0.0.1:{admin}", f"lengthwise_{name}", 0)


def _healthy(clusters: list[dict[str, Any]], ports: tuple[int, int]) -> None:
    """Let Envoy know two pickers, and ask both for their health."""
    endpoints = clusters[1]["load_assignment"]["endpoints"][0]
    endpoints["lb_endpoints"] = [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": one}}}}
        for one in ports
    ]
    check = {"timeout": "15s", "interval": "0.2s", "no_traffic_interval": "0.2s"}
    check |= {"unhealthy_threshold": 1, "healthy_threshold": 1}  # type: ignore[dict-item]
    clusters[1]["health_checks"] = [{**check, "grpc_health_check": {"service_name": "readiness"}}]
    clusters[1]["common_lb_config"] = {"healthy_panic_threshold": {"value": 0}}


async def test_a_rolling_restart_loses_no_request(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    ports, admins = (free_port(), free_port()), (free_port(), free_port())
    with EmbeddedEmulator(WORKER) as worker:
        async with (
            running(worker.url, ports[0], admins[0], SHUTDOWN_LAME_DUCK_S="2") as first,
            envoy(tmp_path, ports[0], change=lambda clusters: _healthy(clusters, ports)) as url,
            Load(url, session) as load,
        ):
            await load.more(CLIENTS, "200")
            async with running(worker.url, ports[1], admins[1]):
                await load.more(2 * CLIENTS, "200")
                first.send_signal(signal.SIGTERM)
                async with asyncio.timeout(BOUND_S):
                    assert await first.wait() == 0
                await load.more(2 * CLIENTS, "200")
                await load.stop()
                await _idle(session, worker.url, admins[1])
    assert set(load.ends) == {"200"}, load.ends


async def test_a_killed_picker_leaves_no_client_without_an_answer(
    tmp_path: Path, session: aiohttp.ClientSession, modes: dict[str, str]
) -> None:
    port, admin = free_port(), free_port()
    with EmbeddedEmulator(WORKER) as worker:
        async with (
            envoy(tmp_path, port, modes) as url,
            running(worker.url, port, admin) as first,
            Load(url, session) as load,
        ):
            await load.more(CLIENTS, "200")
            first.kill()
            await first.wait()
            await load.more(CLIENTS, "503 no_picker")
            async with running(worker.url, port, admin):
                await load.more(2 * CLIENTS, "200")
                await load.stop()
                await _idle(session, worker.url, admin)
    assert set(load.ends) <= {"200", "503 no_picker", "cut"}, load.ends


async def test_a_killed_envoy_frees_what_its_requests_held(
    tmp_path: Path, session: aiohttp.ClientSession, needs_envoy: None
) -> None:
    port, admin = free_port(), free_port()
    with EmbeddedEmulator(WORKER) as worker:
        async with running(worker.url, port, admin):
            picker = f"http://127.0.0.1:{admin}"
            async with contextlib.AsyncExitStack() as stack:
                url = await stack.enter_async_context(envoy(tmp_path, port))
                async with Load(url, session, tokens=2000) as load:
                    await becomes(session, picker, "lengthwise_picker_streams", CLIENTS)
                    await stack.aclose()
                    await load.stop()
            await _idle(session, worker.url, admin)
            async with envoy(tmp_path, port) as url, Load(url, session) as again:
                await again.more(CLIENTS, "200")
                await again.stop()
            await _idle(session, worker.url, admin)
    assert set(load.ends) == {"cut"}, load.ends
    assert set(again.ends) == {"200"}, again.ends
