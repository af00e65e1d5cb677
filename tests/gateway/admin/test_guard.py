"""Who may use the operators' listener."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator
from tests.gateway.admin.operators import Operated, operated

TOKEN = "a-token-of-operators"
GUARDED = ("/metrics", "/admin/status")


@asynccontextmanager
async def _with(**admin: Any) -> AsyncIterator[Operated]:
    with EmbeddedEmulator() as worker:
        async with operated(worker.url, admin=admin) as running:
            yield running


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN],
)
async def test_without_the_token_nothing_but_probes_is_answered(
    authorization: str, session: aiohttp.ClientSession
) -> None:
    async with _with(listen="0.0.0.0:1", token=TOKEN) as running:
        headers = {"authorization": authorization} if authorization else {}
        for path in GUARDED:
            async with session.get(running.url + path, headers=headers) as response:
                assert response.status == 401
                assert TOKEN not in await response.text()
        async with session.post(running.url + "/admin/pause", headers=headers) as response:
            assert response.status == 401
        assert not running.gateway.scheduler.paused
        for path in ("/health", "/ready"):
            async with session.get(running.url + path) as response:
                assert response.status == 200
                assert running.gateway.app.state.fleet.members[0].id not in await response.text()


async def test_with_the_token_everything_is_answered(session: aiohttp.ClientSession) -> None:
    async with _with(listen="0.0.0.0:1", token=TOKEN) as running:
        headers = {"authorization": f"bearer {TOKEN}"}
        for path in GUARDED:
            async with session.get(running.url + path, headers=headers) as response:
                assert response.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": ""},
        {"host": "evil.example:9090"},
        {"host": ""},
        {"host": "127.0.0.1%evil.example"},
    ],
)
async def test_a_web_page_reaches_nothing(
    headers: dict[str, str], session: aiohttp.ClientSession
) -> None:
    async with _with(listen="127.0.0.1:1") as running:
        async with session.post(running.url + "/admin/pause", headers=headers) as response:
            assert response.status in {400, 403}
        assert not running.gateway.scheduler.paused


@pytest.mark.parametrize("host", ["localhost:9", "127.0.0.1", "[::1]:9090", "[::1]"])
async def test_names_of_this_machine_are_answered(
    host: str, session: aiohttp.ClientSession
) -> None:
    async with (
        _with(listen="127.0.0.1:1") as running,
        session.get(running.url + "/admin/status", headers={"host": host}) as response,
    ):
        assert response.status == 200


async def test_an_unknown_path_is_told_what_is_served(session: aiohttp.ClientSession) -> None:
    async with (
        _with(listen="127.0.0.1:1") as running,
        session.get(running.url + "/v1/models") as response,
    ):
        assert response.status == 404
        assert "/admin/status" in await response.text()
