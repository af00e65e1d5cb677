"""The events of the live page: shared, bounded, and for operators alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.admin.dashboard.viewers import MOST_BEHIND, MOST_VIEWERS, Viewers
from gateway.admin.errors import AdminError
from gateway.emulator import EmbeddedEmulator
from tests.gateway.admin.operators import operated
from tests.gateway.harness import chat, forced, gateway, post, until

ADMIN = {"listen": "127.0.0.1:1"}
FOLDER = "/dashboard/main.js"
EVENTS = "/admin/events"


@asynccontextmanager
async def _watching(
    session: aiohttp.ClientSession, url: str
) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
    """The events of a viewer, as name and fields."""
    async with session.get(url + EVENTS) as response:
        assert response.status == 200

        async def events() -> AsyncIterator[tuple[str, dict[str, Any]]]:
            name = ""
            async for line in response.content:
                kind, _, text = line.decode().strip().partition(": ")
                if kind == "event":
                    name = text
                elif kind == "data":
                    yield name, json.loads(text)

        yield events()


class _Counting:
    """A source that counts what it is asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def begin(self) -> dict[str, Any]:
        return {"begin": True}

    def take(self) -> dict[str, Any]:
        self.asked += 1
        return {"number": self.asked}


async def test_a_viewer_gets_the_beginning_and_then_the_present(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with operated(emulator.url, admin=ADMIN, worker={"api_key": "sk-hidden"}) as running:
        await post(session, running.gateway.url, chat(vllm_xargs=forced(100)))
        async with _watching(session, running.url) as events:
            name, begun = await anext(events)
            assert name == "begin"
            assert "sk-hidden" not in json.dumps(begun)
            settings = {one["setting"]: one["value"] for one in begun["configuration"]["settings"]}
            assert settings["workers.0.api_key"] == "***"
            name, state = await anext(events)
            assert name == "state"
            assert [one["answers"] for one in state["latency"]] == [0, 1, 0, 0, 0]
            (point,) = begun["ended"] + state["ended"]
            assert point[0] == 100
            assert point[1] <= point[2] <= point[3]
            (worker,) = state["workers"]
            assert worker["state"] == "up"
            assert len(worker["kv_mean"]) == len(worker["kv_upper"]) == len(begun["steps"])
            assert state["health"]["level"] == "warning"  # no predictor in this test
            await post(session, running.gateway.url, chat("no-such-model"))
            async for _, later in events:
                if later.get("errors"):
                    assert later["errors"][0]["outcome"] == "model_not_found"
                    assert "no-such-model" in later["errors"][0]["reason"]
                    break


async def test_an_answer_is_told_once_to_each_viewer(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with operated(emulator.url, admin=ADMIN) as running:
        for tokens in (3, 4):
            await post(session, running.gateway.url, chat(vllm_xargs=forced(tokens)))
        async with _watching(session, running.url) as first:
            told = [*(await anext(first))[1]["ended"], *(await anext(first))[1]["ended"]]
            await post(session, running.gateway.url, chat(vllm_xargs=forced(5)))
            async with _watching(session, running.url) as second:
                late = (await anext(second))[1]["ended"]
                while len(late) < 3:
                    late += (await anext(second))[1]["ended"]
            while len(told) < 3:
                told += (await anext(first))[1]["ended"]
        assert [point[0] for point in told] == [point[0] for point in late] == [3, 4, 5]


async def test_all_viewers_share_one_snapshot_and_none_is_taken_for_nobody() -> None:
    source = _Counting()
    viewers = Viewers(source, every_s=0.001)
    with viewers.viewer() as one, viewers.viewer() as two:
        for viewer in (one, two):
            assert b"begin" in (await viewer.get() or b"")
        assert await one.get() is await two.get()
    await until(lambda: viewers._taking is None, "the snapshots end")
    taken = source.asked
    await asyncio.sleep(0.01)
    assert source.asked == taken


async def test_a_viewer_that_falls_behind_is_dropped_and_the_others_go_on() -> None:
    viewers = Viewers(_Counting(), every_s=0.001)
    with viewers.viewer() as slow, viewers.viewer() as quick:
        for _ in range(MOST_BEHIND + 10):
            assert await quick.get() is not None
        await until(lambda: len(viewers) == 1, "the slow one is dropped")
        assert [await slow.get()] == [None]


async def test_viewers_are_bounded() -> None:
    viewers = Viewers(_Counting(), every_s=0.001)
    held = [viewers.viewer() for _ in range(MOST_VIEWERS)]
    for one in held:
        one.__enter__()
    with pytest.raises(AdminError, match="watch already"), viewers.viewer():
        pass
    with viewers.viewer(lasting=False):  # those at the other listener have a bound of their own
        pass
    for one in held:
        one.__exit__(None, None, None)
    with viewers.viewer():
        pass


async def test_a_drain_ends_the_viewers_among_clients_and_leaves_the_operators(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with (
        operated(emulator.url, admin=ADMIN) as running,
        _watching(session, running.url) as operators,
        _watching(session, running.gateway.url) as clients,
    ):
        running.gateway.app.state.leaving.drain()
        async for _ in clients:
            pass
        seen = [state async for name, state in _some(operators, 3) if name == "state"]
        assert seen[-1]["health"]["line"].startswith("The gateway is about to end")
        async with session.get(running.gateway.url + EVENTS) as response:
            assert response.status == 503


async def _some(events: AsyncIterator[Any], most: int) -> AsyncIterator[Any]:
    for _ in range(most):
        yield await anext(events)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:3000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
    ],
)
@pytest.mark.parametrize("listener", ["operators", "clients"])
async def test_another_web_page_sees_no_events(
    headers: dict[str, str],
    listener: str,
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
) -> None:
    async with operated(emulator.url, admin=ADMIN) as running:
        url = running.url if listener == "operators" else running.gateway.url
        async with session.get(url + EVENTS, headers=headers) as response:
            assert response.status == 403


async def test_a_token_guards_the_events_and_not_the_page(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    admin = {"listen": "0.0.0.0:1", "token": "a-token-of-operators"}
    async with operated(emulator.url, admin=admin) as running:
        for path, status in ((EVENTS, 401), ("/dashboard", 200), (FOLDER, 200)):
            async with session.get(running.url + path) as response:
                assert response.status == status
        async with session.get(running.url + FOLDER) as response:
            policy = response.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["../viewers.py", "..%2Fviewers.py", "nothing.js", "__init__.py"])
async def test_no_other_file_is_served(
    name: str, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with (
        operated(emulator.url, admin=ADMIN) as running,
        session.get(f"{running.url}/dashboard/{name}") as response,
    ):
        assert response.status == 404


@pytest.mark.parametrize(
    "settings",
    [
        {"listen": {"host": "0.0.0.0"}},
        {"access": {"api_keys": {"one": "sk-a-key-of-clients"}}},
        {"admin": {"dashboard": False}},
        {"admin": {"listen": "127.0.0.1:1", "token": "a-token-of-operators"}},
        {"admin": {"listen": "/tmp/lengthwise-no-such-folder/admin.sock"}},
    ],
)
async def test_clients_see_no_page_where_others_could_see_it(
    settings: dict[str, Any], emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url, **settings) as running:
        for path in ("/dashboard", FOLDER, EVENTS):
            async with session.get(running.url + path) as response:
                assert response.status in {401, 404}


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
async def test_what_a_proxy_passes_on_sees_no_page(
    header: str, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url) as running:
        for headers, status in (({}, 200), ({header: "203.0.113.9"}, 404)):
            async with session.get(running.url + "/dashboard", headers=headers) as response:
                assert response.status == status
