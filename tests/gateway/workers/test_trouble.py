"""What a client is told of the workers that are down: a kind of trouble, and no more."""

from __future__ import annotations

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from tests.gateway.harness import chat, gateway, post
from tests.gateway.scripted import scripted
from tests.gateway.workers.fleets import fleet_of
from tests.gateway.workers.test_health import hang, never

AT_ONCE = {"no_worker_grace_s": 0}
KEY = "sk-secret"


@pytest.mark.parametrize("worker", [{}, {"api_key": "sk-wrong"}], ids=["no key", "a wrong key"])
async def test_a_client_is_told_that_the_worker_refuses_the_gateway_and_no_key(
    session: aiohttp.ClientSession, worker: dict[str, str]
) -> None:
    with EmbeddedEmulator(EmulatorConfig(api_key=KEY)) as emulator:
        async with gateway(emulator.url, worker=worker, queue=AT_ONCE) as running:
            status, body = await post(session, running.url, chat())
            assert (status, body["error"]["code"]) == (503, "no_healthy_worker")
            told = body["error"]["message"]
            assert "A worker refuses the gateway's credentials" in told
            assert not any(part in told for part in ("sk-", "127.0.0.1", emulator.url))
            async with session.get(running.url + "/v1/completions/render") as response:
                assert response.status == 405
            async with session.post(running.url + "/tokenize", json=chat()) as response:
                assert "gateway's credentials" in await response.text()


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("403 Forbidden", "refuses the gateway's credentials (the worker's api_key)"),
        ("500 Oops", "fails its health check"),
        ("404 Not Found", "answers unlike a vLLM server"),
    ],
)
async def test_each_kind_of_refusal_is_told(status: str, told: str) -> None:
    async with scripted(hang) as worker:
        worker.statuses = {b"/v1/models": status}
        async with fleet_of(worker.url) as wing:
            assert wing.fleet.trouble("") == wing.fleet.trouble("emulated") == [told]
            worker.statuses = {}
            await wing.fleet.probe()
            assert wing.fleet.trouble("emulated") == []


async def test_workers_that_do_not_answer_are_told_each_kind_once() -> None:
    gone = ("http://127.0.0.1:9", "http://127.0.0.1:10")
    settings = {"timeout_s": 0.1, "failures": 1}
    async with scripted(hang) as worker, scripted(hang) as other:
        worker.before_probe = never
        async with fleet_of(worker.url, other.url, *gone, health=settings) as wing:
            late = "does not answer its health check in time"
            assert wing.fleet.trouble("emulated") == ["cannot be reached", late]
            other.healthy = False
            await wing.fleet.probe()
            assert wing.fleet.trouble("another") == ["cannot be reached", late], "it serves another"


async def test_a_worker_that_only_lost_a_connection_is_in_no_known_trouble() -> None:
    async with scripted(hang) as worker, fleet_of(worker.url) as wing:
        wing.fleet.health.suspect(wing.fleet[worker.url])
        assert wing.fleet.trouble("emulated") == []
