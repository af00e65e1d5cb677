"""Whatever a body holds, the emulated worker follows it or refuses it: it never fails."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.emulator import EmbeddedEmulator

MESSAGES: Any = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
FUNCTION = {"name": "f", "parameters": {"type": "object"}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"enum": [1]}}}
SHORT = {"vllm_xargs": {"target_tokens": 3}, "stream": False}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "messages": MESSAGES,
        "tools": [{"type": "function", "function": FUNCTION}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": FORMAT,
        "structured_outputs": None,
        "stop": ["x"],
        "modalities": ["text"],
        "reasoning_effort": "low",
        "stream_options": None,
        "max_tokens": 20,
        **SHORT,
    },
    "/v1/completions": {
        "prompt": ["x"],
        "logprobs": 1,
        "echo": True,
        "n": 2,
        "max_tokens": 20,
        **SHORT,
    },
    "/v1/responses": {
        "input": [{"role": "user", "content": MESSAGES[0]["content"]}],
        "tools": [{"type": "function", **FUNCTION}],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"name": "f"}]},
        "text": {"format": {"type": "json_schema", "name": "s", "schema": {}}},
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 20,
        **SHORT,
    },
    "/v1/messages": {
        "messages": [*MESSAGES, {"role": "user", "content": [{"type": "tool_result"}]}],
        "max_tokens": 2000,
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "f"},
        "system": [{"type": "text", "text": "x"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "output_config": {"format": {"type": "json_schema", "schema": {}}},
        **SHORT,
    },
    "/v1/messages/count_tokens": {"messages": MESSAGES, "tools": [], "system": "x"},
    "/tokenize": {"messages": MESSAGES, "tools": [FUNCTION]},
    "/detokenize": {"tokens": [1, 2]},
}
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "name", "function", "text", "$ref"]), inner)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [(*path, key) for key, _ in inner]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in inner:
        if isinstance(part, dict | list):
            found += places(part, (*path, key))
    return found


@pytest.mark.parametrize("path", BODIES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_body_is_followed_or_refused(
    emulator: EmbeddedEmulator, path: str, data: st.DataObject
) -> None:
    body = json.loads(json.dumps(BODIES[path]))
    place = data.draw(st.sampled_from(places(body)))
    holder = body
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = data.draw(ODD)
    status, answer = post(emulator, path, json.dumps(body))
    assert status in (200, 400, 404), answer
    if status == 200 and answer.startswith("{"):
        json.loads(answer)


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000])
def test_a_body_that_is_nested_too_deep_is_refused(emulator: EmbeddedEmulator, body: str) -> None:
    for path in BODIES:
        assert post(emulator, path, body)[0] == 400


def post(emulator: EmbeddedEmulator, path: str, body: str) -> tuple[int, str]:
    """Status and text of the answer."""
    address = urlsplit(emulator.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=20)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", path, body.encode("utf-8", "surrogatepass"), headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
