"""Requests that the emulated worker refuses, as vLLM does."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from tests.gateway.emulator.workers import CHAT, fixed

MESSAGE = {"role": "user", "content": "x"}


@pytest.mark.parametrize(
    ("path", "body", "status", "kind", "param"),
    [
        (CHAT, b"{", 400, "Bad Request", "body.1"),
        (CHAT, b"\xff", 400, "Bad Request", None),
        (CHAT, b"[]", 400, "Bad Request", "body"),
        (CHAT, {}, 400, "Bad Request", "body.messages"),
        (CHAT, {"messages": "x"}, 400, "Bad Request", "body.messages"),
        (
            CHAT,
            {"messages": [MESSAGE], "max_tokens": "many"},
            400,
            "Bad Request",
            "body.max_tokens",
        ),
        (CHAT, {"messages": [MESSAGE], "priority": 2**70}, 400, "Bad Request", "body.priority"),
        (CHAT, {"messages": [MESSAGE], "model": "other"}, 404, "NotFoundError", "model"),
        (CHAT, {"messages": [MESSAGE], "max_tokens": 0}, 400, "BadRequestError", "max_tokens"),
        (CHAT, {"messages": [MESSAGE], "max_tokens": 9999}, 400, "BadRequestError", "max_tokens"),
        (CHAT, {"messages": [MESSAGE], "n": 0}, 400, "BadRequestError", None),
        (CHAT, {"messages": [MESSAGE], "n": 2, "temperature": 0}, 400, "BadRequestError", None),
        (CHAT, {"messages": [MESSAGE], **fixed(0)}, 400, "BadRequestError", "vllm_xargs"),
        (
            CHAT,
            {"messages": [MESSAGE], "stream_options": {"include_usage": True}},
            400,
            "BadRequestError",
            "stream_options",
        ),
        (
            CHAT,
            {"messages": [{"role": "user", "content": "x" * 40_000}]},
            400,
            "BadRequestError",
            "input_tokens",
        ),
        ("/v1/completions", {"prompt": [[1], "x"]}, 400, "Bad Request", "body.prompt.0"),
        ("/v1/completions", {"prompt": ""}, 400, "BadRequestError", "prompt"),
        ("/v1/embeddings", {"input": [1] * 9000}, 400, "BadRequestError", "input_tokens"),
    ],
)
async def test_invalid_requests_get_an_error_in_openais_shape(
    emulator: EmbeddedEmulator, path: str, body: Any, status: int, kind: str, param: str | None
) -> None:
    async with aiohttp.ClientSession(emulator.url) as session:
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        headers = {"Content-Type": "application/json"}
        async with session.post(path, headers=headers, **content) as response:
            assert response.status == status
            error = (await response.json())["error"]
    assert (error["type"], error["param"], error["code"]) == (kind, param, status)
    assert error["message"]


async def test_unknown_paths_and_methods_are_refused_in_fastapis_shape(
    emulator: EmbeddedEmulator,
) -> None:
    async with aiohttp.ClientSession(emulator.url) as session:
        for path, detail in (("/v1/nothing", "Not Found"), ("/health", "Method Not Allowed")):
            async with session.post(path, json={}) as response:
                assert await response.json() == {"detail": detail}


async def test_only_json_is_accepted(emulator: EmbeddedEmulator) -> None:
    async with (
        aiohttp.ClientSession(emulator.url) as session,
        session.post(CHAT, data=b"{}", headers={"Content-Type": "text/plain"}) as response,
    ):
        assert response.status == 400
        assert "Unsupported Media Type" in await response.text()


async def test_an_api_key_is_required_for_the_api_but_not_for_health_and_metrics() -> None:
    with EmbeddedEmulator(EmulatorConfig(api_key="secret")) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:
            for headers, status in (
                ({}, 401),
                ({"Authorization": "Bearer other"}, 401),
                ({"Authorization": "Basic secret"}, 401),
                ({"x-api-key": "secret"}, 401),
                ({"Authorization": "Bearer secret"}, 200),
                ({"Authorization": "bearer secret"}, 200),
            ):
                async with session.get("/v1/models", headers=headers) as response:
                    assert response.status == status
            for path in ("/health", "/metrics"):
                async with session.get(path) as response:
                    assert response.status == 200


async def test_pages_of_every_origin_may_read_the_answers_as_vllms() -> None:
    page = {"Origin": "https://chat.example"}
    asks = {**page, "Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "authorization"
    with EmbeddedEmulator(EmulatorConfig(api_key="secret")) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:
            async with session.options(CHAT, headers=asks) as response:
                assert response.status == 200
                assert response.headers["Access-Control-Allow-Origin"] == "*"
                assert "POST" in response.headers["Access-Control-Allow-Methods"]
                assert response.headers["Access-Control-Allow-Headers"] == "authorization"
            async with session.get("/health", headers=page) as response:
                assert response.headers["Access-Control-Allow-Origin"] == "*"
            async with session.get("/health") as response:
                assert "Access-Control-Allow-Origin" not in response.headers
            async with session.options(CHAT) as response:
                assert response.status == 405
