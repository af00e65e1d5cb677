"""Answers, errors and events are valid JSON in UTF-8, even if requests hold what neither can."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest
from starlette.requests import Request

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.emulator.context import Context
from tests.gateway.emulator.workers import CHAT, HELLO, fixed

HALF = "\ud800"
ODD_NUMBER = 1e400
TOOL = {"type": "function", "function": {"name": HALF, "parameters": {"enum": [{HALF: HALF}]}}}
CHATS: tuple[dict[str, Any], ...] = (
    {"tools": [TOOL]},
    {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": HALF}}},
    {"tools": [TOOL], "tool_choice": HALF},
    {"structured_outputs": {"choice": [HALF]}, "logprobs": True},
    {"structured_outputs": {"regex": HALF}},
    {"structured_outputs": {"json": {"enum": [HALF]}}},
    {"structured_outputs": {"json": {"const": ODD_NUMBER}}},
    {"structured_outputs": {"json": {HALF: HALF}}},
    {"model": HALF},
    {"request_id": HALF},
    {"seed": HALF},
    {"logit_bias": {HALF: 1}},
)
RESPONSES: tuple[dict[str, Any], ...] = (
    {"previous_response_id": HALF},
    {"instructions": HALF, "metadata": {HALF: [HALF, ODD_NUMBER]}, "user": HALF},
    {"tools": [{"type": "function", "name": HALF}], "tool_choice": {"name": HALF}},
    {"request_id": HALF, "reasoning": {"summary": HALF}},
)
CASES: list[tuple[str, dict[str, Any]]] = [
    *((CHAT, {"messages": HELLO, **fields}) for fields in CHATS),
    *(("/v1/responses", {"input": HALF, **fields}) for fields in RESPONSES),
    ("/v1/completions", {"prompt": HALF, "echo": True, "logprobs": 1}),
    ("/v1/completions", {"prompt": [1 << 29 | 0xD800], "echo": True}),
    ("/v1/messages", {"messages": HELLO, "max_tokens": 50, "tools": [{"name": HALF}]}),
    (
        "/v1/messages",
        {
            "messages": HELLO,
            "max_tokens": 50,
            "tools": [{"name": HALF, "input_schema": {"enum": [{HALF: HALF}]}}],
        },
    ),
    ("/v1/embeddings", {"input": HALF}),
    ("/tokenize", {"prompt": HALF, "return_token_strs": True}),
    ("/detokenize", {"tokens": [1 << 29 | 0xD800]}),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", range(len(CASES)))
async def test_half_a_surrogate_pair_comes_back_as_an_escape(
    http: aiohttp.ClientSession, case: int, stream: bool
) -> None:
    path, body = CASES[case]
    async with http.post(path, json={**body, "stream": stream, **fixed(30)}) as response:
        assert response.status < 500, await response.text()
        text = (await response.read()).decode()
    for line in text.splitlines() if text.startswith(("data:", "event:")) else ["data: " + text]:
        if line.startswith("data: ") and line != "data: [DONE]":
            json.loads(line.removeprefix("data: "), parse_constant=pytest.fail)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_echoed_half_is_the_half_that_was_sent(
    http: aiohttp.ClientSession, stream: bool
) -> None:
    body = {"prompt": HALF, "echo": True, "max_tokens": 0, "stream": stream}
    async with http.post("/v1/completions", json=body) as response:
        text = (await response.text()).removeprefix("data: ").splitlines()[0]
    assert json.loads(text)["choices"][0]["text"] == HALF


async def test_a_number_of_too_many_digits_is_refused(http: aiohttp.ClientSession) -> None:
    headers = {"Content-Type": "application/json"}
    body = '{"messages": [], "seed": ' + "9" * 5_000 + "}"
    async with http.post(CHAT, data=body, headers=headers) as response:
        assert response.status == 400
        assert "digits" in (await response.json())["error"]["message"]


@pytest.mark.parametrize(
    ("path", "place"), [(CHAT, ("error", "code")), ("/v1/messages", ("error", "type"))]
)
async def test_a_defect_is_answered_in_the_shape_of_the_api(
    monkeypatch: pytest.MonkeyPatch, path: str, place: tuple[str, str]
) -> None:
    async def fail(self: Context, schema: object, request: Request) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Context, "parse", fail)
    with EmbeddedEmulator(EmulatorConfig()) as emulator:
        async with (
            aiohttp.ClientSession(emulator.url) as session,
            session.post(path, json={}) as response,
        ):
            assert response.status == 500
            error: Any = await response.json()
    assert error[place[0]][place[1]] in (500, "InternalServerError")
