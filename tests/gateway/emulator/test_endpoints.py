"""Embeddings, models, tokenize, health and metrics of the emulated worker."""

from __future__ import annotations

import json

import aiohttp
import pytest
from openai import OpenAI
from prometheus_client.parser import text_string_to_metric_families

from gateway.emulator import EmbeddedEmulator
from tests.gateway.emulator.workers import FAST, HELLO, SLOW, fixed
from tests.gateway.harness import until


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


async def test_models_version_and_health_have_vllms_replies(http: aiohttp.ClientSession) -> None:
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


async def test_tokenize_and_usage_count_the_same_tokens(http: aiohttp.ClientSession) -> None:
    for path, fields in (
        ("chat/completions", {"messages": HELLO}),
        ("completions", {"prompt": "abcde"}),
    ):
        async with http.post("/tokenize", json=fields) as response:
            counted = await response.json()
        async with http.post(f"/v1/{path}", json={**fields, **fixed(1)}) as response:
            used = (await response.json())["usage"]
        assert counted["count"] == len(counted["tokens"]) == used["prompt_tokens"]
        assert counted["max_model_len"] == 8192


async def test_the_id_of_an_answer_contains_the_request_id(http: aiohttp.ClientSession) -> None:
    body = {"messages": HELLO, **fixed(1)}
    headers = {"X-Request-Id": "abc", "endpoint-load-metrics-format": "JSON"}
    async with http.post("/v1/chat/completions", json=body, headers=headers) as response:
        assert (await response.json())["id"] == "chatcmpl-abc"
        load = json.loads(response.headers["endpoint-load-metrics"].removeprefix("JSON "))
    assert set(load["named_metrics"]) == {"kv_cache_usage_perc", "num_requests_waiting"}


async def read_metrics(session: aiohttp.ClientSession) -> dict[str, float]:
    async with session.get("/metrics") as response:
        families = text_string_to_metric_families(await response.text())
    values = {}
    for family in families:
        for sample in family.samples:
            reason = sample.labels.get("finished_reason")
            values[f"{sample.name}:{reason}" if reason else sample.name] = sample.value
            if sample.name == "vllm:cache_config_info":
                assert sample.labels["kv_cache_size_tokens"] == "65552"
                assert sample.labels["num_gpu_blocks"] == "4097"  # with the null block
                assert sample.labels["block_size"] == "16"
            else:
                assert sample.labels["model_name"] == "emulated"
            assert sample.labels["engine"] == "0"
    return values


async def test_metrics_have_vllms_names_and_report_running_and_waiting_requests() -> None:
    with EmbeddedEmulator(SLOW) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:
            body = {"messages": HELLO, "stream": True, **fixed(500)}
            async with (
                session.post("/v1/chat/completions", json=body),
                session.post("/v1/chat/completions", json=body),
            ):
                await until(
                    lambda: emulator.engine.waiting == 1 == emulator.engine.running,
                    "one request runs and one waits",
                )
                busy = await read_metrics(session)
    assert busy["vllm:num_requests_running"] == busy["vllm:num_requests_waiting"] == 1
    assert busy["vllm:kv_cache_usage_perc"] > 0
    assert busy["vllm:cache_config_info"] == 1
    assert busy["vllm:num_preemptions_total"] == 0


async def test_metrics_count_tokens_and_finish_reasons() -> None:
    with EmbeddedEmulator(FAST) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:
            for limit in ({"max_tokens": 9}, {"max_tokens": 3}):
                body = {"prompt": "12345678", **fixed(5), **limit}
                async with session.post("/v1/completions", json=body) as response:
                    assert response.status == 200
            idle = await read_metrics(session)
    assert idle["vllm:prompt_tokens_total"] == 4
    assert idle["vllm:generation_tokens_total"] == 8
    assert idle["vllm:request_success_total:stop"] == 1
    assert idle["vllm:request_success_total:length"] == 1
    assert idle["vllm:request_success_total:abort"] == 0
