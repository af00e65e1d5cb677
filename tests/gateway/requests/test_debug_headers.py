"""Debug headers come where they are asked for, and tell what became of the request."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator
from tests.gateway.harness import chat, forced, gateway

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("setting", "asked", "expected"),
    [
        ("asked", "1", True),
        ("asked", "0", False),
        ("asked", None, False),
        ("always", None, True),
        ("never", "1", False),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_they_come_where_wanted(
    setting: str,
    asked: str | None,
    expected: bool,
    stream: bool,
    session: aiohttp.ClientSession,
    emulator: EmbeddedEmulator,
) -> None:
    headers = {} if asked is None else {"x-lengthwise-debug": asked}
    url = emulator.url.replace("http://", "http://root:hunter22@")
    async with gateway(url, log={"debug_headers": setting}) as running:
        told = await _headers(session, running.url, headers, stream=stream)
    assert bool(told) is expected
    if expected:
        assert told["x-lengthwise-worker"] == emulator.url
        assert float(told["x-lengthwise-queue-ms"]) >= 0
        low, high = map(int, told["x-lengthwise-forecast-80"].split("-"))
        assert low <= int(told["x-lengthwise-forecast-median"]) <= high


async def _headers(
    session: aiohttp.ClientSession, url: str, headers: dict[str, str], **fields: Any
) -> dict[str, str]:
    body = chat(vllm_xargs=forced(3), **fields)
    async with session.post(url + CHAT, json=body, headers=headers) as response:
        await response.read()
        assert response.status == 200
        assert response.headers["x-request-id"]
        return {
            name.lower(): value
            for name, value in response.headers.items()
            if name.lower().startswith("x-lengthwise")
        }


async def test_a_request_that_no_worker_took_has_its_forecast_alone(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator
) -> None:
    async with gateway(emulator.url, queue={"timeout_s": 0.05}) as running:
        running.app.state.dispatcher.pause()
        headers = {"x-lengthwise-debug": "1"}
        async with session.post(running.url + CHAT, json=chat(), headers=headers) as response:
            assert response.status == 504
            assert "x-lengthwise-forecast-median" in response.headers
            assert "x-lengthwise-worker" not in response.headers
