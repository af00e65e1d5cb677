"""Chat and text completions of the emulated worker, read by the OpenAI SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk

from gateway.emulator import EmbeddedEmulator
from scheduler.length import LengthDistribution
from tests.gateway.emulator.workers import FAST, HELLO, fixed


def stream(client: OpenAI, **fields: Any) -> list[ChatCompletionChunk]:
    fields = {"model": "emulated", "messages": HELLO, **fields}
    return list(client.chat.completions.create(stream=True, **fields))


def test_a_chat_answer_has_the_forced_length_and_stops_by_itself(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="emulated", messages=HELLO, extra_body=fixed(37))
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.role == "assistant"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 37
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 37


def test_an_answer_longer_than_max_tokens_is_cut(client: OpenAI) -> None:
    for limit in ({"max_tokens": 5}, {"max_completion_tokens": 5, "max_tokens": 9}):
        answer = client.chat.completions.create(
            model="emulated", messages=HELLO, extra_body={**fixed(37), **limit}
        )
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 5


def test_a_chat_stream_has_a_role_then_one_chunk_per_token(client: OpenAI) -> None:
    chunks = stream(client, extra_body=fixed(6))
    assert len(chunks) == 1 + 6
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 6 + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_is_a_last_chunk_on_request_only(client: OpenAI) -> None:
    chunks = stream(client, extra_body=fixed(6), stream_options={"include_usage": True})
    assert len(chunks) == 1 + 6 + 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 6
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_continuous_usage_counts_the_tokens_so_far_on_each_chunk(client: OpenAI) -> None:
    options: Any = {"include_usage": True, "continuous_usage_stats": True}
    chunks = stream(client, extra_body=fixed(4), stream_options=options)
    counts = [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]
    assert counts == [0, 1, 2, 3, 4, 4]


def test_a_streamed_answer_has_the_text_of_the_whole_answer(client: OpenAI) -> None:
    whole = client.chat.completions.create(
        model="emulated", messages=HELLO, seed=7, extra_body=fixed(400)
    )
    chunks = stream(client, seed=7, extra_body=fixed(400))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert all(piece in text for piece in ("\n", '"so"', "C:\\", "数", "🙂"))


@pytest.mark.parametrize("fields", [{"temperature": 0.0}, {"seed": 3}, {"seed": 3, "top_p": 0.9}])
def test_greedy_and_seeded_requests_are_repeatable(client: OpenAI, fields: dict[str, Any]) -> None:
    first, second = (
        client.chat.completions.create(model="emulated", messages=HELLO, **fields) for _ in range(2)
    )
    assert first.choices == second.choices
    assert first.usage == second.usage


def test_requests_that_differ_have_different_answers(client: OpenAI) -> None:
    def text(**fields: Any) -> str:
        answer = client.completions.create(model="emulated", max_tokens=50, **fields)
        return str(answer.choices[0].text)

    answers = [
        text(prompt="a"),
        text(prompt="a"),
        text(prompt="a", seed=1),
        text(prompt="b", seed=1),
    ]
    assert len(set(answers)) == 4


def test_n_choices_are_n_sequences(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="emulated", messages=HELLO, n=3, seed=1, extra_body=fixed(9)
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 27
    chunks = stream(client, n=3, seed=1, extra_body=fixed(9))
    for choice in answer.choices:
        parts = [c.choices[0].delta for c in chunks if c.choices[0].index == choice.index]
        assert "".join(part.content or "" for part in parts) == choice.message.content


@pytest.mark.parametrize(
    ("prompt", "choices", "prompt_tokens"),
    [
        ("12345678", 1, 2),
        (["12345678", "1234", "1"], 3, 4),
        ([11, 12, 13], 1, 3),
        ([[11, 12, 13], [14]], 2, 4),
    ],
)
def test_completions_take_one_or_several_prompts_as_text_or_tokens(
    client: OpenAI, prompt: Any, choices: int, prompt_tokens: int
) -> None:
    answer = client.completions.create(model="emulated", prompt=prompt, extra_body=fixed(400))
    assert [choice.index for choice in answer.choices] == list(range(choices))
    assert {choice.finish_reason for choice in answer.choices} == {"length"}
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == prompt_tokens
    assert answer.usage.completion_tokens == 16 * choices, "vLLM's default of max_tokens"
    chunks = client.completions.create(model="emulated", prompt=prompt, max_tokens=4, stream=True)
    assert sum(1 for _ in chunks) == 4 * choices


async def test_many_streams_run_together_with_the_async_client(emulator: EmbeddedEmulator) -> None:
    async with AsyncOpenAI(base_url=emulator.url + "/v1", api_key="none") as client:

        async def count(tokens: int) -> int:
            chunks = await client.chat.completions.create(
                model="emulated", messages=HELLO, stream=True, extra_body=fixed(tokens)
            )
            return sum([1 async for _ in chunks]) - 1

        lengths = list(range(1, 65))
        assert await asyncio.gather(*map(count, lengths)) == lengths


def test_each_prompt_has_its_own_length_distribution() -> None:
    bodies: list[Any] = []

    def lengths(body: dict[str, Any]) -> LengthDistribution:
        bodies.append((body["prompt"], body.get("max_tokens")))
        return LengthDistribution.point(len(body["prompt"]))

    with (
        EmbeddedEmulator(FAST, lengths) as emulator,
        OpenAI(base_url=emulator.url + "/v1", api_key="none") as client,
    ):
        answer = client.completions.create(model="", prompt=["abc", "defgh"], max_tokens=100)
    assert bodies == [("abc", None), ("defgh", None)], "the distribution ignores the limit"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3 + 5
