"""Stored responses are read, cancelled and continued at the worker that has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from gateway.config.settings import Config
from gateway.requests import stored_responses
from gateway.requests.stored_responses import StoredResponses, response_id
from tests.gateway.harness import Gateway, gateway, until
from tests.gateway.scripted import STREAM_HEAD, ScriptedWorker, answer, chunked, scripted
from tests.gateway.workers.fleets import fleet_of

NOT_FOUND = answer(b'{"error": {"message": "not found"}}', "404 Not Found")


@dataclass(slots=True)
class Store:
    """A worker that keeps responses as vLLM does: in its own memory."""

    name: str
    worker: ScriptedWorker
    kept: set[str] = field(default_factory=set)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def script(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Make, give back or cancel a response."""
        head = self.worker.requests[-1].lower()
        method, path, _ = head.split(b" ", 2)
        if method == b"post" and path == b"/v1/responses":
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            await self.may_answer.wait()
            self._make(body, writer)
            return
        name = path.decode().partition("?")[0].split("/")[3]
        writer.write(answer(b'{"id": "%s"}' % name.encode()) if name in self.kept else NOT_FOUND)

    def _make(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if body.get("previous_response_id") not in {None, *self.kept}:
            writer.write(NOT_FOUND)
            return
        name = f"resp_{self.name}_{len(self.kept)}"
        self.kept.add(name)
        response = {"id": name, "object": "response", "output": [{"id": "msg_1"}]}
        if not body.get("stream"):
            writer.write(answer(json.dumps(response).encode()))
            return
        writer.write(STREAM_HEAD)
        for kind in ("created", "completed"):
            event = json.dumps({"type": f"response.{kind}", "response": response})
            writer.write(chunked(f"event: response.{kind}\ndata: {event}\n\n".encode()))
        writer.write(b"0\r\n\r\n")


@asynccontextmanager
async def stores() -> AsyncIterator[list[Store]]:
    """Two workers with a store each."""

    async def nothing(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        pass

    async with scripted(nothing) as one, scripted(nothing) as two:
        made = [Store("a", one), Store("b", two)]
        for store in made:
            store.worker.script = store.script
            store.may_answer.set()
        yield made


async def create_one_each(
    session: aiohttp.ClientSession, running: Gateway, both: list[Store], **fields: Any
) -> dict[str, str]:
    """Store name -> id of a new response there."""
    for store in both:
        store.may_answer.clear()
    tasks = [asyncio.create_task(create(session, running.url, **fields)) for _ in both]
    await until(lambda: running.in_flight == 2, "both requests are at workers")
    for store in both:
        store.may_answer.set()
    names = [name for _, name in await asyncio.gather(*tasks)]
    assert sorted(name[:6] for name in names) == ["resp_a", "resp_b"]
    return {name[5]: name for name in names}


async def create(session: aiohttp.ClientSession, url: str, **fields: Any) -> tuple[int, str]:
    """Status and id of a new response."""
    body = {"model": "emulated", "input": "x", **fields}
    async with session.post(url + "/v1/responses", json=body) as response:
        text = await response.text()
        return response.status, text.partition('"id": "')[2].partition('"')[0]


async def statuses(session: aiohttp.ClientSession, url: str, name: str) -> list[int]:
    """Statuses of reading, cancelling and deleting a response."""
    found = []
    for method, path in (("GET", "?stream=false"), ("POST", "/cancel"), ("DELETE", "")):
        async with session.request(method, f"{url}/v1/responses/{name}{path}") as response:
            found.append(response.status)
    return found


@pytest.mark.parametrize("stream", [False, True])
async def test_a_response_is_found_where_it_is(
    session: aiohttp.ClientSession, stream: bool
) -> None:
    async with stores() as both, gateway(*(s.worker.url for s in both)) as running:
        made = await create_one_each(session, running, both, stream=stream)
        for name in made.values():
            assert await statuses(session, running.url, name) == [200, 200, 200]
        assert [store.worker.served for store in both] == [4, 4], "a worker was asked in vain"


async def test_a_response_is_continued_where_it_is(session: aiohttp.ClientSession) -> None:
    async with stores() as both, gateway(*(s.worker.url for s in both)) as running:
        for store in both:
            store.kept.add(f"resp_{store.name}")  # made before the gateway began
        for name in ("resp_a", "resp_b") * 3:
            status, following = await create(session, running.url, previous_response_id=name)
            assert (status, following[:6]) == (200, name)
            status, _ = await create(session, running.url, previous_response_id=following)
            assert status == 200


async def test_a_response_of_before_the_gateway_is_looked_for(
    session: aiohttp.ClientSession,
) -> None:
    async with stores() as both, gateway(*(s.worker.url for s in both)) as running:
        both[1].kept.add("resp_old")
        assert await statuses(session, running.url, "resp_old") == [200, 200, 200]
        assert await statuses(session, running.url, "resp_none") == [404, 404, 404]


async def test_an_owner_that_is_away_is_waited_for(session: aiohttp.ClientSession) -> None:
    async with (
        stores() as both,
        gateway(*(s.worker.url for s in both), queue={"no_worker_grace_s": 0.2}) as running,
    ):
        owned = await create_one_each(session, running, both)
        both[1].worker.healthy = False
        fleet = running.app.state.fleet
        await until(lambda: not fleet[both[1].worker.url].healthy, "the owner is down")
        assert await statuses(session, running.url, owned["a"]) == [200] * 3
        assert await statuses(session, running.url, owned["b"]) == [503] * 3
        previous = {"previous_response_id": owned["b"]}
        assert (await create(session, running.url, **previous))[0] == 503
        assert (await create(session, running.url))[0] == 200, "others need not wait for it"


async def test_a_worker_that_does_not_answer_makes_no_response_unknown(
    session: aiohttp.ClientSession,
) -> None:
    async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    health = {"interval_s": 0.1, "timeout_s": 0.2}
    async with stores() as both, gateway(*(s.worker.url for s in both), health=health) as running:
        both[0].worker.script = hang
        async with session.get(running.url + "/v1/responses/resp_old") as response:
            assert response.status == 503


async def test_the_responses_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_responses, "MOST_IDS", 2)
    async with stores() as both, fleet_of(*(s.worker.url for s in both)) as wing:
        stored = StoredResponses(Config(), wing.fleet)
        worker = both[0].worker.url
        for name in ("1", "2", "1", "3"):
            assert stored.learn(worker, b'{"id": "%s"}' % name.encode())
        assert [await stored.owner(name, {}) for name in "123"] == [worker, None, worker]


@pytest.mark.parametrize(
    "data", [b"", b"x", b'{"id": 5}', b'{"id": ""}', b"{", b'{"id": "' + b"x" * 201 + b'"}']
)
async def test_what_names_no_response_is_not_remembered(data: bytes) -> None:
    async with stores() as both, fleet_of(both[0].worker.url) as wing:
        assert not StoredResponses(Config(), wing.fleet).learn("worker", data)


@pytest.mark.parametrize("name", ["\ud800", "x" * 201, ".."])
async def test_an_id_that_no_response_has_is_not_looked_for(
    session: aiohttp.ClientSession, name: str
) -> None:
    async with stores() as both, gateway(*(s.worker.url for s in both)) as running:
        assert (await create(session, running.url, previous_response_id=name))[0] == 404
        assert sum(store.worker.served for store in both) == 1


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/responses/resp_1", "resp_1"),
        ("/v1/responses/resp_1/cancel?x=/y", "resp_1"),
        ("/v1//responses/a%2Fb/", "a/b"),
    ],
)
def test_a_path_names_its_response(path: str, name: str) -> None:
    assert response_id(path) == name
