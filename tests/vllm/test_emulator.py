"""The emulated worker's replies have the fields of a real vLLM's, in the same order."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import forced
from tests.vllm.engine import VllmServer

pytestmark = pytest.mark.vllm

CHAT = "/v1/chat/completions"
TEXT = "/v1/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"
MESSAGE = {"role": "user", "content": "Say hello to the world."}
CONTEXT = 4096


@pytest.fixture(scope="module")
def servers(vllm_server: VllmServer) -> Iterator[tuple[str, str]]:
    """The addresses of a real server and of an emulated server with the same limits."""
    models = tuple(vllm_server.served_model_names)
    engine = EngineConfig(max_model_len=vllm_server.max_model_len)
    with EmbeddedEmulator(EmulatorConfig(models=models, engine=engine, speed=50.0)) as emulated:
        yield vllm_server.url, emulated.url


def call(url: str, path: str, body: Any = None) -> tuple[int, str]:
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def shape(value: object) -> object:
    """Names, their order and types; nothing of the values, nor of how many a list has."""
    if isinstance(value, dict):
        if value and all(isinstance(inner, float) for inner in value.values()):
            return "log probabilities by token"
        return [(name, shape(inner)) for name, inner in value.items()]
    if isinstance(value, list):
        found = [shape(inner) for inner in value]
        return [inner for at, inner in enumerate(found) if inner not in found[:at]]
    return type(value).__name__


def shapes(text: str) -> list[object]:
    """The shape of a JSON reply, or those of the events of a stream."""
    if not text.startswith(("data: ", "event: ")):
        return [shape(json.loads(text))]
    events = [event.partition("data: ") for event in text.split("\n\n") if event]
    return [
        (name, data if data == "[DONE]" else shape(json.loads(data))) for name, _, data in events
    ]


SCHEMA = {
    "type": "object",
    "properties": {"a": {"enum": [1, 2]}},
    "required": ["a"],
    "additionalProperties": False,
}
PROMPTS: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [MESSAGE]},
    TEXT: {"prompt": "Hello"},
    RESPONSES: {"input": "Hello"},
    MESSAGES: {"messages": [MESSAGE], "max_tokens": 50},
    "/v1/messages/count_tokens": {"messages": [MESSAGE]},
    "/detokenize": {"tokens": [5, 6]},
}
USAGE = {"stream_options": {"include_usage": True}}
CONTINUOUS = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (CHAT, {}),
        (CHAT, {"n": 2}),
        (CHAT, {"max_tokens": 2}),
        (CHAT, {"stream": True}),
        (CHAT, {"stream": True, "max_tokens": 2}),
        (CHAT, {"stream": True, **USAGE}),
        (CHAT, {"stream": True, **CONTINUOUS}),
        (TEXT, {}),
        (TEXT, {"prompt": ["a", "b"]}),
        (TEXT, {"stream": True}),
        (TEXT, {"stream": True, "max_tokens": 2}),
        (TEXT, {"stream": True, **USAGE}),
        (TEXT, {"stream": True, **CONTINUOUS}),
        (CHAT, {"stop": ["a", "e", "o", " "]}),
        (CHAT, {"logprobs": True, "top_logprobs": 2}),
        (CHAT, {"logprobs": True, "stream": True}),
        (CHAT, {"vllm_xargs": None, "structured_outputs": {"json": SCHEMA}}),
        (TEXT, {"logprobs": 2}),
        (TEXT, {"logprobs": 0, "stream": True}),
        (TEXT, {"echo": True, "max_tokens": 0}),
        (RESPONSES, {}),
        (RESPONSES, {"max_output_tokens": 2}),
        (RESPONSES, {"stream": True}),
        (RESPONSES, {"stream": True, "max_output_tokens": 2}),
        (MESSAGES, {}),
        (MESSAGES, {"max_tokens": 2}),
        (MESSAGES, {"stop_sequences": ["a", "e", "o", " "]}),
        (MESSAGES, {"stream": True}),
        (MESSAGES, {"stream": True, "max_tokens": 2}),
        ("/v1/messages/count_tokens", {"vllm_xargs": None}),
        ("/detokenize", {"vllm_xargs": None}),
    ],
)
def test_replies_have_the_same_fields_in_the_same_order(
    servers: tuple[str, str], path: str, fields: dict[str, Any]
) -> None:
    body = {"model": "tiny", **PROMPTS[path], "vllm_xargs": forced(6), **fields}
    body = {name: value for name, value in body.items() if value is not None}
    (real_status, real), (status, emulated) = (call(url, path, body) for url in servers)
    assert status == real_status == 200
    expected, found = shapes(real), shapes(emulated)
    # vLLM puts several tokens into one event when it lags: it may have fewer, no others.
    events = iter(found)
    assert all(event in events for event in expected)
    assert expected[-1] == found[-1]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, b"{"),
        (CHAT, {}),
        (CHAT, {"messages": "x"}),
        (CHAT, {"messages": [MESSAGE], "max_tokens": "many"}),
        (CHAT, {"messages": [MESSAGE], "priority": 2**70}),
        (CHAT, {"messages": [MESSAGE], "model": "other"}),
        (CHAT, {"messages": [MESSAGE], "max_tokens": 0}),
        (CHAT, {"messages": [MESSAGE], "max_tokens": 9999}),
        (CHAT, {"messages": [MESSAGE], "n": 0}),
        (CHAT, {"messages": [MESSAGE], "n": 2, "temperature": 0}),
        (CHAT, {"messages": [MESSAGE], **USAGE}),
        (CHAT, {"messages": [MESSAGE], "stop": ""}),
        (CHAT, {"messages": [MESSAGE], "top_logprobs": 2}),
        (CHAT, {"messages": [MESSAGE], "logprobs": True, "top_logprobs": 21}),
        (CHAT, {"messages": [MESSAGE], "tools": []}),
        (CHAT, {"messages": [MESSAGE], "tool_choice": "required"}),
        (CHAT, {"messages": [MESSAGE], "response_format": {"type": "json_schema"}}),
        (CHAT, {"messages": [MESSAGE], "min_tokens": -1}),
        (CHAT, {"messages": [MESSAGE], "min_tokens": 9, "max_tokens": 5}),
        (CHAT, {"messages": [MESSAGE], "top_p": 7}),
        (CHAT, {"messages": [MESSAGE], "top_k": -5}),
        (CHAT, {"messages": [MESSAGE], "min_p": 3}),
        (CHAT, {"messages": [MESSAGE], "frequency_penalty": 9}),
        (CHAT, {"messages": [MESSAGE], "repetition_penalty": -3}),
        (CHAT, {"messages": [MESSAGE], "presence_penalty": "a"}),
        (CHAT, {"messages": [MESSAGE], "reasoning_effort": "ultra"}),
        (CHAT, {"messages": [MESSAGE], "structured_outputs": {}}),
        (CHAT, {"messages": []}),
        (RESPONSES, {"input": "Hello", "frequency_penalty": 9}),
        (RESPONSES, {"input": "Hello", "max_output_tokens": 0}),
        (RESPONSES, {"input": "Hello", "include": ["wat"]}),
        (RESPONSES, {"input": "Hello", "reasoning": {"effort": "ultra"}}),
        (TEXT, {"prompt": "Hello", "logprobs": 21}),
        (TEXT, {"prompt": "Hello", "logprobs": -1}),
        (TEXT, {"prompt": "Hello", "suffix": "x"}),
        (RESPONSES, {"input": "Hello", "previous_response_id": "resp_none"}),
        (RESPONSES, {"input": "Hello", "max_output_tokens": 9999}),
        (RESPONSES, {"input": "Hello", "model": "other"}),
        (RESPONSES, {"input": "Hello", "tool_choice": "required"}),
        (MESSAGES, {"messages": [MESSAGE], "max_tokens": 5, "model": "other"}),
        (MESSAGES, {"messages": [MESSAGE], "max_tokens": 9999, "model": "tiny"}),
        ("/detokenize", {"tokens": [-1]}),
        (CHAT, {"messages": [{"role": "user", "content": "q7" * 10_000}]}),
        (TEXT, {"prompt": [[1], "x"]}),
        (TEXT, {"prompt": ""}),
        (TEXT, {"prompt": [5] * (CONTEXT + 1)}),
        (TEXT, {"prompt": [5] * CONTEXT}),
    ],
)
def test_errors_have_the_same_status_type_and_parameter(
    servers: tuple[str, str], path: str, body: Any
) -> None:
    (real_status, real), (status, emulated) = (call(url, path, body) for url in servers)
    theirs, ours = json.loads(real)["error"], json.loads(emulated)["error"]
    theirs_said, ours_said = theirs.pop("message"), ours.pop("message")
    assert (status, ours) == (real_status, theirs), (ours_said, theirs_said)


def test_unknown_paths_and_methods_get_the_same_answer(servers: tuple[str, str]) -> None:
    for path in ("/v1/nothing", "/health"):
        real, emulated = (call(url, path, {}) for url in servers)
        assert emulated == real


def test_responses_that_are_not_stored_get_the_same_answer(servers: tuple[str, str]) -> None:
    for path in ("/v1/responses/none", "/v1/responses/none/cancel"):
        body: dict[str, Any] | None = {} if path.endswith("cancel") else None
        real, emulated = (call(url, path, body) for url in servers)
        assert emulated == real


def test_models_and_tokenize_have_the_same_fields(servers: tuple[str, str]) -> None:
    (_, real), (_, emulated) = (call(url, "/v1/models") for url in servers)
    assert shapes(emulated) == shapes(real)
    for body in ({"prompt": "Hello"}, {"messages": [MESSAGE]}):
        (_, real), (_, emulated) = (call(url, "/tokenize", body) for url in servers)
        theirs, ours = json.loads(real), json.loads(emulated)
        assert len(theirs.pop("tokens")) == theirs["count"]
        assert len(ours.pop("tokens")) == ours["count"]
        assert shape(ours) == shape(theirs)


def test_each_metric_is_one_of_vllms_with_its_labels(servers: tuple[str, str]) -> None:
    real, emulated = (labels(call(url, "/metrics")[1]) for url in servers)
    assert {name: emulated[name] & real.get(name, set()) for name in emulated} == emulated


def labels(text: str) -> dict[str, set[str]]:
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return {s.name: set(s.labels) for s in samples if s.name.startswith("vllm:")}
