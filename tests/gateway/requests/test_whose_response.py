"""With keys, a stored response is there for the holder who has made it alone."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.gateway.access.keys import bearer
from tests.gateway.harness import gateway
from tests.gateway.requests.test_stored_responses import stores

ALICE, BOB = bearer("a" * 20), bearer("b" * 20)
KEYS: dict[str, Any] = {"api_keys": {"alice": "a" * 20, "bob": "b" * 20}}


async def create(
    session: aiohttp.ClientSession,
    url: str,
    headers: dict[str, str],
    path: str = "/v1/responses",
    **fields: Any,
) -> tuple[int, dict[str, Any]]:
    body = {"model": "emulated", "input": "x", **fields}
    async with session.post(url + path, json=body, headers=headers) as response:
        text = (await response.text()).partition("data: ")
        return response.status, json.loads((text[2] or text[0]).partition("\n")[0])


async def statuses(
    session: aiohttp.ClientSession, url: str, name: str, headers: dict[str, str]
) -> list[int]:
    """Statuses of reading, cancelling and deleting a response."""
    found = []
    for method, path in (("GET", ""), ("GET", "/"), ("POST", "/cancel"), ("DELETE", "?x")):
        target = f"{url}/v1/responses/{name}{path}"
        async with session.request(method, target, headers=headers) as response:
            found.append(response.status)
    return found


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stream", [False, True])
async def test_only_who_has_made_a_response_may_use_it(
    session: aiohttp.ClientSession, workers: int, stream: bool
) -> None:
    async with stores() as both:
        urls = [store.worker.url for store in both[:workers]]
        async with gateway(*urls, access=KEYS) as running:
            status, made = await create(session, running.url, ALICE, stream=stream)
            name = made.get("response", made)["id"]
            assert status == 200
            asked = [store.worker.served for store in both]
            assert await statuses(session, running.url, name, BOB) == [404] * 4
            status, error = await create(session, running.url, BOB, previous_response_id=name)
            assert (status, error["error"]["code"]) == (404, "not_found")
            assert name in error["error"]["message"]
            status, _ = await create(
                session, running.url, BOB, "/v1/responses/render", previous_response_id=name
            )
            assert status == 404
            assert [store.worker.served for store in both] == asked, "a worker was asked"
            assert await statuses(session, running.url, name, ALICE) == [200] * 4
            status, _ = await create(session, running.url, ALICE, previous_response_id=name)
            assert status == 200


async def test_nobody_takes_the_place_of_a_response_by_its_id(
    session: aiohttp.ClientSession,
) -> None:
    async with stores() as both, gateway(both[0].worker.url, access=KEYS) as running:
        _, made = await create(session, running.url, ALICE)
        for filler in ("", "x" * 70_000):  # a large body is kept as an outline
            fields = {"request_id": made["id"], "instructions": filler}
            assert (await create(session, running.url, BOB, **fields))[0] == 404
            assert (await create(session, running.url, ALICE, **fields))[0] == 200
        assert (await create(session, running.url, BOB, request_id="resp_of_bob"))[0] == 200


async def test_a_response_that_the_gateway_does_not_know_is_nobodys(
    session: aiohttp.ClientSession,
) -> None:
    async with stores() as both, gateway(*(s.worker.url for s in both), access=KEYS) as running:
        both[0].kept.add("resp_old")
        assert await statuses(session, running.url, "resp_old", ALICE) == [404] * 4
        assert await statuses(session, running.url, "resp_none", ALICE) == [404] * 4
        assert [store.worker.served for store in both] == [0, 0]
