"""The emulated worker against a real socket, with the clients people use."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk
from prometheus_client.parser import text_string_to_metric_families

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.length import LengthDistribution
from scheduler.sim.engine import EngineConfig

HELLO: list[Any] = [{"role": "user", "content": "Say hello to the world."}]
FAST = EmulatorConfig(models=("emulated", "alias"), speed=200.0)
SLOW = EmulatorConfig(engine=EngineConfig(max_num_seqs=1, scheduling_policy="priority"), speed=0.05)


def forced(tokens: int) -> dict[str, object]:
    return {"vllm_xargs": {"target_tokens": tokens}}


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 10 s"
        await asyncio.sleep(0.005)


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmbeddedEmulator]:
    with EmbeddedEmulator(FAST) as running:
        yield running
        assert (running.engine.running, running.engine.waiting) == (0, 0)
        assert running.engine.kv_usage == 0


@pytest.fixture
def client(emulator: EmbeddedEmulator) -> Iterator[OpenAI]:
    with OpenAI(base_url=emulator.url + "/v1", api_key="none", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
async def http(emulator: EmbeddedEmulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(emulator.url) as session:
        yield session


def stream(client: OpenAI, **fields: Any) -> list[ChatCompletionChunk]:
    fields = {"model": "emulated", "messages": HELLO, **fields}
    return list(client.chat.completions.create(stream=True, **fields))


def test_a_chat_answer_has_the_forced_length_and_stops_by_itself(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="emulated", messages=HELLO, extra_body=forced(37))
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.role == "assistant"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 37
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 37


def test_an_answer_longer_than_max_tokens_is_cut(client: OpenAI) -> None:
    for limit in ({"max_tokens": 5}, {"max_completion_tokens": 5, "max_tokens": 9}):
        answer = client.chat.completions.create(
            model="emulated", messages=HELLO, extra_body={**forced(37), **limit}
        )
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 5


def test_a_chat_stream_is_a_role_then_a_chunk_a_token_then_the_finish(client: OpenAI) -> None:
    chunks = stream(client, extra_body=forced(6))
    assert len(chunks) == 1 + 6
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 6 + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_comes_as_a_last_chunk_only_if_asked(client: OpenAI) -> None:
    chunks = stream(client, extra_body=forced(6), stream_options={"include_usage": True})
    assert len(chunks) == 1 + 6 + 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 6
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_continuous_usage_counts_the_tokens_so_far_on_each_chunk(client: OpenAI) -> None:
    options: Any = {"include_usage": True, "continuous_usage_stats": True}
    chunks = stream(client, extra_body=forced(4), stream_options=options)
    counts = [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]
    assert counts == [0, 1, 2, 3, 4, 4]


def test_a_streamed_answer_says_what_the_whole_one_says(client: OpenAI) -> None:
    whole = client.chat.completions.create(
        model="emulated", messages=HELLO, seed=7, extra_body=forced(400)
    )
    chunks = stream(client, seed=7, extra_body=forced(400))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert all(hard in text for hard in ("\n", '"so"', "C:\\", "数", "🙂"))


@pytest.mark.parametrize("fields", [{"temperature": 0.0}, {"seed": 3}, {"seed": 3, "top_p": 0.9}])
def test_greedy_and_seeded_requests_repeat_themselves(
    client: OpenAI, fields: dict[str, Any]
) -> None:
    first, second = (
        client.chat.completions.create(model="emulated", messages=HELLO, **fields) for _ in range(2)
    )
    assert first.choices == second.choices
    assert first.usage == second.usage


def test_other_requests_differ(client: OpenAI) -> None:
    def say(**fields: Any) -> str:
        answer = client.completions.create(model="emulated", max_tokens=50, **fields)
        return str(answer.choices[0].text)

    answers = [say(prompt="a"), say(prompt="a"), say(prompt="a", seed=1), say(prompt="b", seed=1)]
    assert len(set(answers)) == 4


def test_n_choices_are_as_many_sequences(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="emulated", messages=HELLO, n=3, seed=1, extra_body=forced(9)
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 27
    chunks = stream(client, n=3, seed=1, extra_body=forced(9))
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
    answer = client.completions.create(model="emulated", prompt=prompt, extra_body=forced(400))
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
                model="emulated", messages=HELLO, stream=True, extra_body=forced(tokens)
            )
            return sum([1 async for _ in chunks]) - 1

        lengths = list(range(1, 65))
        assert await asyncio.gather(*map(count, lengths)) == lengths


def test_lengths_come_from_the_distribution_given_for_each_prompt() -> None:
    asked: list[Any] = []

    def lengths(body: dict[str, Any]) -> LengthDistribution:
        asked.append((body["prompt"], body.get("max_tokens")))
        return LengthDistribution.point(len(body["prompt"]))

    with (
        EmbeddedEmulator(FAST, lengths) as emulator,
        OpenAI(base_url=emulator.url + "/v1", api_key="none") as client,
    ):
        answer = client.completions.create(model="", prompt=["abc", "defgh"], max_tokens=100)
    assert asked == [("abc", None), ("defgh", None)], "the model does not know the limit"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3 + 5


def test_embeddings_are_repeatable_unit_vectors_without_decode(
    client: OpenAI, emulator: EmbeddedEmulator
) -> None:
    generated = emulator.engine.generated_tokens
    packed = client.embeddings.create(model="emulated", input=["red", "blue"])
    plain = client.embeddings.create(model="emulated", input="red", encoding_format="float")
    assert len(packed.data) == 2
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert sum(x * x for x in plain.data[0].embedding) == pytest.approx(1)
    assert packed.usage.prompt_tokens == 2
    assert emulator.engine.generated_tokens == generated


async def test_models_version_and_health_are_served(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/models") as response:
        cards = (await response.json())["data"]
    assert [card["id"] for card in cards] == ["emulated", "alias"]
    assert {"max_model_len": 8192, "owned_by": "vllm", "root": "emulated"}.items() <= cards[
        1
    ].items()
    async with http.get("/version") as response:
        assert set(await response.json()) == {"version"}
    async with http.get("/health") as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_tokenize_counts_as_usage_does(http: aiohttp.ClientSession) -> None:
    for path, fields in (
        ("chat/completions", {"messages": HELLO}),
        ("completions", {"prompt": "abcde"}),
    ):
        async with http.post("/tokenize", json=fields) as response:
            counted = await response.json()
        async with http.post(f"/v1/{path}", json={**fields, **forced(1)}) as response:
            used = (await response.json())["usage"]
        assert counted["count"] == len(counted["tokens"]) == used["prompt_tokens"]
        assert counted["max_model_len"] == 8192


async def test_the_answer_is_named_after_the_request_id(http: aiohttp.ClientSession) -> None:
    body = {"messages": HELLO, **forced(1)}
    headers = {"X-Request-Id": "abc", "endpoint-load-metrics-format": "JSON"}
    async with http.post("/v1/chat/completions", json=body, headers=headers) as response:
        assert (await response.json())["id"] == "chatcmpl-abc"
        load = json.loads(response.headers["endpoint-load-metrics"].removeprefix("JSON "))
    assert set(load["named_metrics"]) == {"kv_cache_usage_perc", "num_requests_waiting"}


async def read_metrics(session: aiohttp.ClientSession) -> dict[str, float]:
    async with session.get("/metrics") as response:
        families = text_string_to_metric_families(await response.text())
    found = {}
    for family in families:
        for sample in family.samples:
            reason = sample.labels.get("finished_reason")
            found[f"{sample.name}:{reason}" if reason else sample.name] = sample.value
            if sample.name == "vllm:cache_config_info":
                assert sample.labels["kv_cache_size_tokens"] == "65536"
                assert sample.labels["num_gpu_blocks"] == "4096"
                assert sample.labels["block_size"] == "16"
            else:
                assert sample.labels["model_name"] == "emulated"
            assert sample.labels["engine"] == "0"
    return found


async def test_metrics_have_vllms_names_and_count_what_happened() -> None:
    with EmbeddedEmulator(SLOW) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:
            body = {"messages": HELLO, "stream": True, **forced(500)}
            async with (
                session.post("/v1/chat/completions", json=body),
                session.post("/v1/chat/completions", json=body),
            ):
                await until(lambda: emulator.engine.waiting == 1 == emulator.engine.running)
                busy = await read_metrics(session)
    assert busy["vllm:num_requests_running"] == busy["vllm:num_requests_waiting"] == 1
    assert busy["vllm:kv_cache_usage_perc"] > 0
    assert busy["vllm:cache_config_info"] == 1
    assert busy["vllm:num_preemptions_total"] == 0


async def test_metrics_count_tokens_and_reasons() -> None:
    with EmbeddedEmulator(FAST) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:
            for limit in ({"max_tokens": 9}, {"max_tokens": 3}):
                body = {"prompt": "12345678", **forced(5), **limit}
                async with session.post("/v1/completions", json=body) as response:
                    assert response.status == 200
            idle = await read_metrics(session)
    assert idle["vllm:prompt_tokens_total"] == 4
    assert idle["vllm:generation_tokens_total"] == 8
    assert idle["vllm:request_success_total:stop"] == 1
    assert idle["vllm:request_success_total:length"] == 1
    assert idle["vllm:request_success_total:abort"] == 0
