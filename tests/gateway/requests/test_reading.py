"""Large bodies: read beside the event loop, relayed byte for byte, and forgotten."""

from __future__ import annotations

import asyncio
import gc
import json

import aiohttp
import pytest

from gateway.forecasting.prompt_parts import read_parts
from gateway.protocol.openai import LARGE
from gateway.requests.reading import Reading
from predictor import Prompt
from tests.gateway.harness import chat, gateway
from tests.gateway.scripted import ANSWER, answer, scripted

MESSAGE = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}


async def test_a_large_body_is_described_as_a_small_one_and_kept_as_an_outline() -> None:
    fields = chat(tools=[{"type": "function", "function": {"name": "f"}}], max_tokens=9)
    fields["messages"] = [*fields["messages"], *[MESSAGE] * 2_000, *fields["messages"]]
    body = json.dumps(fields).encode()
    request, described = await Reading(10**6).read("chat/completions", "POST", "", body)
    assert described is not None
    assert described.prompt == Prompt.from_request(fields)
    assert (described.parts.amounts == read_parts(fields, b"", "chat/completions").amounts).all()
    assert request.fields["messages"] == [{"content": "Hello"}]
    assert (request.body, request.max_tokens, gc.isenabled()) == (body, 9, True)


async def test_a_large_body_keeps_what_the_client_asked_of_its_stream() -> None:
    options = {"include_usage": True, "continuous_usage_stats": False}
    fields = chat(stream=True, stream_options=options, user="x" * LARGE)
    body = json.dumps(fields).encode()
    request, _ = await Reading(10**6).read("chat/completions", "POST", "", body)
    assert request.fields["stream_options"] == options
    assert (request.wants_usage, request.asks_usage_itself) == (True, False)


@pytest.mark.parametrize("endpoint", ["chat/completions", "embeddings"])
async def test_too_many_values_are_refused_whatever_the_endpoint(
    session: aiohttp.ClientSession, endpoint: str
) -> None:
    async with gateway(requests={"max_json_values": 10_000}) as running:
        body = json.dumps({"model": "m", "input": [1] * 70_000})
        async with session.post(f"{running.url}/v1/{endpoint}", data=body) as response:
            error = (await response.json())["error"]
            assert (response.status, error["code"]) == (400, "body_too_complex")
            assert "requests.max_json_values" in error["message"]


async def test_a_large_body_reaches_the_worker_as_it_was_but_for_the_priority(
    session: aiohttp.ClientSession,
) -> None:
    got = bytearray()
    body = json.dumps(chat(messages=[MESSAGE] * 5_000, end=[{}])).encode()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not got.endswith(b"}]}"):
            got.extend(await reader.read(65_536))
        writer.write(answer(ANSWER))

    async with scripted(script) as worker, gateway(worker.url) as running:
        url = f"{running.url}/v1/chat/completions"
        async with session.post(url, data=body) as response:
            assert response.status == 200
    assert got.startswith(b'{"priority": ')
    assert got.endswith(body[1:])
    head = worker.requests[-1].lower()
    assert b"content-length: %d\r\n" % len(got) in head
    assert b"transfer-encoding" not in head
