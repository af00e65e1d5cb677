"""The quick start of deploy/README.md, "On Ray": its command as a process, with real Ray."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.engine_config import EngineConfig
from tests.chaos.processes import free_ports
from tests.deploy.paths import DEPLOY
from tests.gateway.harness import PATIENCE_S, chat, forced
from tests.gateway.on_ray.processes import START_S, RayRun

pytest.importorskip("ray", reason="pip install 'ray[serve]'")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

CHAT = "/v1/chat/completions"
QUEUE = 3
"""Requests that may wait in the gateway of these tests."""


@pytest.fixture(scope="module")
def worker() -> Iterator[EmbeddedEmulator]:
    with EmbeddedEmulator(EmulatorConfig(engine=EngineConfig(max_num_seqs=4))) as running:
        yield running


@pytest.fixture(scope="module")
def run(worker: EmbeddedEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayRun]:
    folder = tmp_path_factory.mktemp("ray")
    file = folder / "serve.yaml"
    file.write_text(yaml.safe_dump(_with_ports(worker.url)))
    program = Path(sys.executable).with_name("serve")
    running = RayRun([program, "run", file], folder / "log")
    yield running
    running.end()


_PORT = free_ports(1)[0]


def _with_ports(url: str) -> dict[str, Any]:
    """The shipped file, with ports of this test's, and its worker in place of the file's."""
    served: dict[str, Any] = yaml.safe_load((DEPLOY / "ray" / "serve.yaml").read_text("utf-8"))
    served["http_options"] |= {"host": "127.0.0.1", "port": _PORT}
    (application,) = served["applications"]
    workers = [{"url": url, "max_num_seqs": 4}]
    application["args"]["config"] |= {"workers": workers, "queue": {"max_waiting": QUEUE}}
    return served


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(run: RayRun) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{_PORT}") as session:
        async with asyncio.timeout(START_S):
            while not await _ready(session):
                assert run.process.poll() is None, run.log.read_text()
                await asyncio.sleep(0.2)
        yield session


async def _ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/ready") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def _state(client: aiohttp.ClientSession) -> dict[str, Any]:
    async with client.get("/ready") as response:
        state: dict[str, Any] = await response.json()
    return state


async def test_an_answer_comes_whole_with_one_request_id(client: aiohttp.ClientSession) -> None:
    async with client.post(CHAT, json=chat(vllm_xargs=forced(7))) as response:
        assert response.status == 200
        assert (await response.json())["usage"]["completion_tokens"] == 7
        assert len(response.headers.getall("x-request-id")) == 1


async def test_a_stream_comes_event_by_event(client: aiohttp.ClientSession) -> None:
    body = chat(stream=True, vllm_xargs=forced(60))
    async with client.post(CHAT, json=body) as response:
        parts = [part async for part in response.content.iter_any()]
    assert len(parts) > 10  # not gathered on the way
    assert b"".join(parts).endswith(b"data: [DONE]\n\n")


async def test_a_hang_up_stops_the_work(client: aiohttp.ClientSession) -> None:
    body = chat(stream=True, vllm_xargs=forced(4000))
    async with client.post(CHAT, json=body) as response:
        await response.content.readuntil(b"\n\n")
        assert (await _state(client))["workers"][0]["in_flight"] == 1
        response.close()
    async with asyncio.timeout(PATIENCE_S):
        while (await _state(client))["workers"][0]["in_flight"]:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)


async def test_the_queue_is_the_gateways_and_its_bounds_hold(
    client: aiohttp.ClientSession,
) -> None:
    """Serve's own default would hold all but five requests in its proxy, and refuse none."""
    body = chat(vllm_xargs=forced(200))

    async def one() -> tuple[int, dict[str, Any]]:
        async with client.post(CHAT, json=body) as response:
            return response.status, json.loads(await response.read())

    answers = await asyncio.gather(*(one() for _ in range(30)))
    assert {status for status, _ in answers} == {200, 429}
    refused = [body for status, body in answers if status == 429]
    assert {body["error"]["code"] for body in refused} == {"queue_full"}
    assert len(refused) > 10  # some come when earlier ones have ended


async def test_pages_for_this_machine_alone_are_closed(client: aiohttp.ClientSession) -> None:
    async with client.get("/dashboard") as response:
        assert response.status == 404
