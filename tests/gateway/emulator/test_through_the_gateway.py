"""The real clients get the same through the gateway as from the emulated worker itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from openai import AsyncOpenAI, NotFoundError
from pydantic import BaseModel

from gateway.emulator import EmbeddedEmulator
from tests.gateway.emulator.workers import HELLO
from tests.gateway.harness import gateway

GREEDY: Any = {"model": "emulated", "extra_body": {"temperature": 0}}
TOOL: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


class City(BaseModel):
    """A city."""

    name: str
    people: int


class Clients:
    """The two clients of one address."""

    def __init__(self, url: str) -> None:
        self.openai = AsyncOpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
        self.claude = anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0)

    async def close(self) -> None:
        """Close their connections."""
        await self.openai.close()
        await self.claude.close()


@pytest.fixture
async def both(emulator: EmbeddedEmulator) -> AsyncIterator[tuple[Clients, Clients]]:
    """The clients of the emulated worker, and those of a gateway before it."""
    async with gateway(emulator.url) as proxy:
        clients = Clients(emulator.url), Clients(proxy.url)
        yield clients
        for client in clients:
            await client.close()


async def test_chats(both: tuple[Clients, Clients]) -> None:
    found = []
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": TOOL}}
    for clients in both:
        chat = clients.openai.chat.completions
        parsed = await chat.parse(messages=HELLO, response_format=City, **GREEDY)
        called = await chat.create(
            messages=HELLO, tools=[tool], tool_choice="required", logprobs=True, **GREEDY
        )
        (call,) = called.choices[0].message.tool_calls or []
        options: Any = {"stream_options": {"include_usage": True}}
        async with chat.stream(messages=HELLO, n=2, seed=1, model="emulated", **options) as stream:
            whole = await stream.get_final_completion()
        texts = [choice.message.content for choice in whole.choices]
        assert isinstance(parsed.choices[0].message.parsed, City)
        found.append((parsed.choices, parsed.usage, call.to_dict()["function"], texts, whole.usage))
    assert found[0] == found[1]


async def test_completions(both: tuple[Clients, Clients]) -> None:
    fields: Any = {"prompt": [[5, 6], [7]], "n": 2, "echo": True, "logprobs": 2, "seed": 3}
    found = []
    for clients in both:
        answer = await clients.openai.completions.create(model="emulated", **fields)
        found.append((answer.choices, answer.usage))
    assert found[0] == found[1]


async def test_responses(both: tuple[Clients, Clients]) -> None:
    found = []
    for clients in both:
        responses = clients.openai.responses
        fields = {**GREEDY, "input": "hello", "reasoning": {"effort": "low"}}
        async with responses.stream(**fields) as stream:
            numbers = [event.sequence_number async for event in stream]
            first = await stream.get_final_response()
        assert numbers == list(range(len(numbers)))
        stored = await responses.retrieve(first.id)
        assert stored.output_text == first.output_text
        parsed = await responses.parse(
            input="more", previous_response_id=first.id, text_format=City, **GREEDY
        )
        assert isinstance(parsed.output_parsed, City)
        await responses.delete(first.id)
        with pytest.raises(NotFoundError):
            await responses.retrieve(first.id)
        queued = await responses.create(input="x", background=True, **GREEDY)
        found.append((first.output_text, first.usage, parsed.output_text, queued.status))
    assert found[0] == found[1]


async def test_messages(both: tuple[Clients, Clients]) -> None:
    found = []
    tools: Any = [{"name": "f", "input_schema": TOOL}]
    for clients in both:
        messages = clients.claude.messages
        asked: Any = {"model": "emulated", "messages": HELLO, "system": "Be brief."}
        counted = await messages.count_tokens(**asked, tools=tools)
        fields = {**asked, **GREEDY, "max_tokens": 3000}
        async with messages.stream(**fields, tools=tools) as stream:
            called = await stream.get_final_message()
        assert called.stop_reason == "tool_use"
        assert called.usage.input_tokens == counted.input_tokens
        thought = await messages.create(
            **fields, thinking={"type": "enabled", "budget_tokens": 1024}, stop_sequences=["data"]
        )
        parsed = await messages.parse(**fields, output_format=City)
        assert isinstance(parsed.parsed_output, City)
        (use,) = called.content
        assert use.type == "tool_use"
        kinds = [block.type for block in thought.content]
        found.append((use.input, called.usage, kinds, thought.stop_reason, parsed.parsed_output))
    assert found[0] == found[1]
