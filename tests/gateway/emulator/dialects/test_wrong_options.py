"""Options with values that vLLM refuses: none is taken for the default."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.gateway.emulator.workers import CHAT, HELLO, fixed

RESPONSES, MESSAGES, EMBEDDINGS = "/v1/responses", "/v1/messages", "/v1/embeddings"
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": HELLO, **fixed(5)},
    "/v1/completions": {"prompt": "x", **fixed(5)},
    RESPONSES: {"input": "x", **fixed(5)},
    MESSAGES: {"messages": HELLO, "max_tokens": 2000, **fixed(5)},
    EMBEDDINGS: {"input": "x"},
}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    *(
        (path, fields, next(iter(fields)))
        for path in (CHAT, "/v1/completions", RESPONSES)
        for fields in (
            {"top_p": 7},
            {"top_p": 0},
            {"frequency_penalty": 9},
            {"presence_penalty": "a"},
            {"top_k": -5},
            {"top_k": 1.5},
            {"min_p": 3},
            {"repetition_penalty": -3},
            {"repetition_penalty": 1e400},
        )
    ),
    (MESSAGES, {"top_p": 7}, "top_p"),
    (CHAT, {"reasoning_effort": "ultra"}, "reasoning_effort"),
    (CHAT, {"structured_outputs": {"wat": 1}}, "structured_outputs"),
    (CHAT, {"structured_outputs": {"wat": 1, "regex": "a"}}, "structured_outputs.wat"),
    (CHAT, {"structured_outputs": {}}, "structured_outputs"),
    (CHAT, {"logprobs": True, "top_logprobs": 50}, "top_logprobs"),
    (RESPONSES, {"reasoning": {"effort": "ultra"}}, "reasoning.effort"),
    (RESPONSES, {"include": ["wat"]}, "include.0"),
    (RESPONSES, {"max_output_tokens": 0}, "max_output_tokens"),
    (MESSAGES, {"output_config": {"effort": "banana"}}, "output_config.effort"),
    (MESSAGES, {"thinking": {"type": "banana"}}, "thinking.type"),
    (MESSAGES, {"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    (EMBEDDINGS, {"dimensions": 8}, "dimensions"),
]


@pytest.mark.parametrize(("path", "fields", "named"), WRONG)
async def test_a_wrong_value_is_refused_with_the_name_of_its_field(
    http: aiohttp.ClientSession, path: str, fields: dict[str, Any], named: str
) -> None:
    async with http.post(path, json={**BODIES[path], **fields}) as response:
        assert response.status == 400
        assert named in (await response.json())["error"]["message"]


RIGHT: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1.1}),
    (CHAT, {"reasoning_effort": "xhigh", "presence_penalty": -2, "frequency_penalty": 2}),
    (CHAT, {"structured_outputs": {"choice": ["a"], "disable_any_whitespace": True}}),
    (RESPONSES, {"reasoning": {"effort": "none", "summary": "auto"}, "top_k": 5}),
    (MESSAGES, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}),
    (MESSAGES, {"thinking": {"type": "disabled"}, "top_k": 5}),
    (EMBEDDINGS, {"dimensions": None}),
]


@pytest.mark.parametrize(("path", "fields"), RIGHT)
async def test_right_values_are_accepted(
    http: aiohttp.ClientSession, path: str, fields: dict[str, Any]
) -> None:
    async with http.post(path, json={**BODIES[path], **fields}) as response:
        assert response.status == 200, await response.text()
