"""The pages of the queue, of one request and of the keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import thread_time
from typing import Any

import aiohttp

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.length import LengthDistribution
from tests.gateway.admin.operators import Operated, operated
from tests.gateway.harness import chat, forced, hang_up, post, until
from tests.scheduler.builders import job

CHAT = "/v1/chat/completions"
SECRET = "sk-canary-of-the-test"
KNOWN = [
    {"name": "alice", "api_key": "key-of-alice"},
    {"name": "bob", "api_key": "key-of-bob", "urgency": -1},
]


async def _ask(
    session: aiohttp.ClientSession, running: Operated, request_id: str, key: str, **fields: Any
) -> None:
    headers = {"x-request-id": request_id, "authorization": f"Bearer {key}"}
    body = chat(**fields)
    async with session.post(running.gateway.url + CHAT, json=body, headers=headers) as response:
        await response.read()


@asynccontextmanager
async def _waiting(
    session: aiohttp.ClientSession, *requests: tuple[str, str], **settings: Any
) -> AsyncIterator[Operated]:
    """A paused gateway with these requests (id, key), which wait in this order of arrival."""
    with EmbeddedEmulator(EmulatorConfig(speed=50)) as worker:
        async with operated(worker.url, tenants={"known": KNOWN}, **settings) as running:
            await running.post(session, "/admin/pause")
            tasks = []
            for number, (request_id, key) in enumerate(requests, 1):
                tasks.append(asyncio.create_task(_ask(session, running, request_id, key)))
                await until(lambda n=number: running.gateway.scheduler.waiting == n, "it waits")  # type: ignore[misc]
            yield running
            await hang_up(*tasks)


async def test_the_queue_is_shown_in_the_order_of_its_starts(
    session: aiohttp.ClientSession,
) -> None:
    asked = [("a-1", "key-of-alice"), ("b-1", "key-of-bob"), ("a-2", "key-of-alice")]
    async with _waiting(session, *asked) as running:
        page = await running.get(session, "/admin/queue")
        assert (page["waiting"], page["paused"]) == (3, True)
        shown = [(row["position"], row["id"], row["key"]) for row in page["requests"]]
        assert shown == [(1, "b-1", "bob"), (2, "a-1", "alice"), (3, "a-2", "alice")]
        first = page["requests"][0]
        assert (first["model"], first["class"], first["starts_in_s"]) == ("emulated", -1, None)
        assert first["expected_tokens"] > 0
        assert first["waited_s"] >= 0
        page = await running.get(session, "/admin/queue?limit=1")
        assert [row["id"] for row in page["requests"]] == ["b-1"]
        for limit in ("0", "-1", "x", "1001"):
            page = await running.get(session, f"/admin/queue?limit={limit}")
            assert page["error"]["code"] == "invalid_limit"


async def test_a_request_is_found_by_its_id_while_it_waits_and_runs(
    session: aiohttp.ClientSession,
) -> None:
    async with _waiting(session, ("a-1", "key-of-alice"), ("b-1", "key-of-bob")) as running:
        page = await running.get(session, "/admin/requests/a-1")
        [one] = page["requests"]
        assert (one["state"], one["position"], one["worker"]) == ("waiting", 2, None)
        assert one["forecast"]["low"] <= one["forecast"]["median"] <= one["forecast"]["high"]
        page = await running.get(session, "/admin/requests/none")
        assert page["error"]["code"] == "unknown_request"
    with EmbeddedEmulator(EmulatorConfig(speed=5)) as worker:
        async with operated(worker.url) as running:
            fields = {"stream": True, "vllm_xargs": forced(200)}
            task = asyncio.create_task(_ask(session, running, "a-3", "key", **fields))
            await until(lambda: running.gateway.in_flight == 1, "it runs")
            while not (one := await _state(session, running, "a-3"))["tokens"]:
                pass
            assert (one["state"], one["worker"]) == ("running", worker.url)
            assert one["position"] is None
            await hang_up(task)


async def _state(session: aiohttp.ClientSession, running: Operated, wanted: str) -> dict[str, Any]:
    page = await running.get(session, f"/admin/requests/{wanted}")
    found: dict[str, Any] = page["requests"][0]
    return found


async def test_requests_of_one_id_are_all_found_but_bounded(
    session: aiohttp.ClientSession,
) -> None:
    async with _waiting(session, *[("same", "key-of-bob")] * 22) as running:
        page = await running.get(session, "/admin/requests/same")
        assert len(page["requests"]) == 20


async def test_keys_are_shown_with_what_they_have_and_had(
    session: aiohttp.ClientSession,
) -> None:
    asked = [("a-1", "key-of-alice"), ("a-2", "key-of-alice"), ("b-1", "key-of-bob")]
    async with _waiting(session, *asked) as running:
        page = await running.get(session, "/admin/top")
        rows = {row["key"]: row for row in page["keys"]}
        assert [row["key"] for row in page["keys"]] == ["alice", "bob"]
        assert (rows["alice"]["waiting"], rows["alice"]["running"]) == (2, 0)
        assert rows["alice"]["ended"] == 0
        assert rows["alice"]["expected_tokens"] > 0
    with EmbeddedEmulator(EmulatorConfig(speed=50)) as worker:
        async with operated(worker.url) as running:
            await post(session, running.gateway.url, chat(vllm_xargs=forced(7)))
            await running.gateway.until_idle()
            [row] = (await running.get(session, "/admin/top"))["keys"]
            assert (row["key"], row["ended"], row["output_tokens"]) == ("no key", 1, 7)
            assert (row["waiting"], row["running"], row["expected_tokens"]) == (0, 0, 0)


async def test_no_page_shows_a_secret(session: aiohttp.ClientSession) -> None:
    async with _waiting(session, (SECRET, SECRET)) as running:
        for path in ("queue", f"requests/{SECRET}", "top", "status"):
            async with session.get(f"{running.url}/admin/{path}") as response:
                assert response.status == 200
                assert "canary" not in await response.text()


async def _measure(turns: list[float]) -> None:
    while True:
        before = thread_time()
        await asyncio.sleep(0)
        turns.append(thread_time() - before)


async def test_ten_thousand_waiting_requests_hold_up_neither_operators_nor_clients(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator
) -> None:
    turns: list[float] = []  # CPU seconds of each turn of the event loop
    async with operated(emulator.url) as running:
        dispatcher = running.gateway.app.state.dispatcher
        dispatcher.pause()
        names = [f"r-{n}" for n in range(10_000)]
        for number, name in enumerate(names):
            length = LengthDistribution.point(10 + number % 3000)
            one = job(name, model="emulated", arrival=float(number), tokens=length)
            dispatcher.apply(dispatcher.scheduler.submit(one))
        measuring = asyncio.create_task(_measure(turns))
        for path in ("/admin/status", "/admin/queue", "/admin/top", "/ready", "/metrics"):
            async with session.get(running.url + path) as response:
                assert response.status == 200
                await response.read()
        place = await running.gateway.app.state.admin.state.order.place(names[-1])
        assert place is not None
        assert place.position > 100
        seen = len(turns)
        await until(lambda: len(turns) > seen, "the turn is measured")
        await hang_up(measuring)
        for name in names:
            dispatcher.apply(dispatcher.scheduler.release(name))
        dispatcher.pause(False)
    assert max(turns) < 0.02
