"""Parts of messages without the content that their type has: refused, in all APIs."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.gateway.emulator.workers import CHAT, fixed

RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
NO_BASE64 = "data:image/png,abc"
BROKEN = "data:image/png;base64,@@@"
PARTS: list[tuple[str, Any]] = [
    (CHAT, {"type": "text"}),
    (CHAT, {"type": "text", "text": 5}),
    (CHAT, {"type": "image_url"}),
    (CHAT, {"type": "image_url", "image_url": {}}),
    (CHAT, {"type": "image_url", "image_url": {"url": 5}}),
    (CHAT, {"type": "image_url", "image_url": {"url": NO_BASE64}}),
    (CHAT, {"type": "image_url", "image_url": {"url": BROKEN}}),
    (RESPONSES, {"type": "input_text"}),
    (RESPONSES, {"type": "input_image"}),
    (RESPONSES, {"type": "input_image", "image_url": BROKEN}),
    (MESSAGES, {"type": "text"}),
    (MESSAGES, {"type": "image"}),
    (MESSAGES, {"type": "image", "source": {"type": "base64", "data": "@@@"}}),
]


def body(path: str, messages: list[Any]) -> dict[str, Any]:
    name = "input" if path == RESPONSES else "messages"
    return {name: messages, "max_tokens": 9, **fixed(3)}


@pytest.mark.parametrize(("path", "part"), PARTS)
async def test_a_part_without_its_content_is_refused(
    http: aiohttp.ClientSession, path: str, part: Any
) -> None:
    messages = [{"role": "user", "content": [part]}]
    async with http.post(path, json=body(path, messages)) as response:
        assert response.status == 400
        said = (await response.json())["error"]["message"]
    assert "input" in said if path == RESPONSES else "messages" in said


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_a_conversation_without_a_message_is_refused(
    http: aiohttp.ClientSession, path: str
) -> None:
    async with http.post(path, json=body(path, [])) as response:
        assert response.status == 400
        assert "at least one message" in (await response.json())["error"]["message"]


async def test_a_part_whose_text_is_null_has_none(http: aiohttp.ClientSession) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": None}]}]
    async with http.post(CHAT, json=body(CHAT, messages)) as response:
        assert response.status == 200
