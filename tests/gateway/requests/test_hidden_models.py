"""Whose key allows some models alone learns nothing of the others, and reaches none of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.gateway.access.keys import ask, bearer
from tests.gateway.harness import Gateway, gateway
from tests.gateway.requests.named_models import NamedWorker, serving

ALICE, BOB = bearer("a" * 20), bearer("b" * 20)
ACCESS: dict[str, Any] = {
    "api_keys": {"alice": "a" * 20, "bob": "b" * 20},
    "groups": [{"name": "alice", "models": ["open-*"], "aliases": {"mine": "open-1"}}],
}


@pytest.fixture
async def served() -> AsyncIterator[tuple[NamedWorker, Gateway]]:
    models = {"aliases": {"open-name": "open-2", "open-gone": "gone", "hidden-name": "secret"}}
    async with (
        serving("open-1", "open-2", "secret") as worker,
        gateway(worker.url, access=ACCESS, models=models) as running,
    ):
        yield worker, running


async def test_no_error_names_a_model_that_its_reader_must_not_use(
    session: aiohttp.ClientSession, served: tuple[NamedWorker, Gateway]
) -> None:
    _, running = served
    for model, expected in (("open-9", 404), ("open-gone", 404), (None, 400)):
        for headers, sees in ((ALICE, False), (BOB, True)):
            status, body, _ = await ask(session, running.url, headers, model=model)
            text = json.dumps(body)
            assert status == expected
            assert ("secret" in text) == sees
            assert ("hidden-name" in text) == sees
            for name in ("open-1", "open-2", "open-name"):
                assert name in text
            assert ("mine" in text) != sees, "the alias of alice alone"
    for path in ("/v1/models", "/v1/models/open-9"):
        async with session.get(running.url + path, headers=ALICE) as response:
            assert "secret" not in await response.text()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"model": "secret", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
        ("application/json", b'[{"model": "secret"}]'),
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b'{"model": "secret"}'),
        ("audio/wav", b"RIFF"),
    ],
)
async def test_a_body_whose_model_the_gateway_cannot_read_reaches_no_worker(
    session: aiohttp.ClientSession,
    served: tuple[NamedWorker, Gateway],
    content_type: str,
    body: bytes,
) -> None:
    worker, running = served
    url, kind = running.url + "/v1/embeddings", {"content-type": content_type}
    async with session.post(url, data=body, headers={**ALICE, **kind}) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "invalid_model"
    assert not worker.bodies
