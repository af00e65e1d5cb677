"""What a client of the OpenAI API gets through the gateway, against the worker asked directly."""

import asyncio
import json
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from yarl import URL

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from tests.gateway.harness import chat, forced, gateway, post
from tests.gateway.scripted import answer, scripted

MESSAGES: Any = [{"role": "user", "content": "Tell me a story"}]


async def test_an_answer_through_the_gateway_equals_the_workers_own(
    emulator: EmbeddedEmulator,
) -> None:
    async with gateway(emulator.url) as running:
        answers = []
        for url in (running.url, emulator.url):
            client = AsyncOpenAI(base_url=url + "/v1", api_key="none")
            answer = await client.chat.completions.create(
                model="emulated", messages=MESSAGES, seed=1, n=2, max_tokens=40
            )
            texts = [(c.message.content, c.finish_reason) for c in answer.choices]
            answers.append((texts, answer.usage))
            await client.close()
    assert answers[0] == answers[1]
    assert len(answers[0][0]) == 2


async def test_a_stream_through_the_gateway_equals_the_workers_own(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    body = chat(stream=True, seed=3, temperature=0, max_tokens=20)
    body["stream_options"] = {"include_usage": True}
    streams = []
    async with gateway(emulator.url) as running:
        for url in (running.url, emulator.url):
            headers = {"X-Request-Id": "same"}
            async with session.post(
                url + "/v1/chat/completions", json=body, headers=headers
            ) as response:
                assert response.content_type == "text/event-stream"
                lines = (await response.text()).splitlines()
            events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
            streams.append([{**event, "created": 0} for event in events])
            assert lines[-2:] == ["data: [DONE]", ""]
    assert streams[0] == streams[1]
    assert streams[0][-1]["usage"]["completion_tokens"] == 20


async def test_the_sync_sdk_works_streaming_and_not(emulator: EmbeddedEmulator) -> None:
    def ask(url: str) -> tuple[str | None, str]:
        with OpenAI(base_url=url + "/v1", api_key="none") as client:
            whole = client.completions.create(model="emulated", prompt="Hi", seed=5, max_tokens=9)
            parts = client.completions.create(
                model="emulated", prompt="Hi", seed=5, max_tokens=9, stream=True
            )
            return whole.choices[0].text, "".join(p.choices[0].text for p in parts)

    async with gateway(emulator.url) as running:
        whole, streamed = await asyncio.to_thread(ask, running.url)
    assert whole
    assert whole == streamed


@pytest.mark.parametrize("asked", [True, False])
async def test_the_usage_chunk_reaches_only_a_client_that_asked(
    emulator: EmbeddedEmulator, asked: bool
) -> None:
    options: Any = {"include_usage": True} if asked else openai.omit
    async with gateway(emulator.url) as running, running.openai() as client:
        stream = await client.chat.completions.create(
            model="emulated",
            messages=MESSAGES,
            stream=True,
            stream_options=options,
            extra_body={"vllm_xargs": forced(7)},
        )
        usages = [chunk.usage for chunk in [c async for c in stream] if not chunk.choices]
        await running.until_idle()
        assert running.metric("generation_tokens_total") == 7
    assert [usage.completion_tokens for usage in usages if usage] == ([7] if asked else [])


async def test_models_are_the_union_over_the_workers(emulator: EmbeddedEmulator) -> None:
    with EmbeddedEmulator(EmulatorConfig(models=("other/name", "emulated"), speed=50)) as second:
        async with gateway(emulator.url, second.url) as running, running.openai() as client:
            assert {m.id async for m in client.models.list()} == {"emulated", "other/name"}
            assert (await client.models.retrieve("other/name")).id == "other/name"
            answer = await client.chat.completions.create(
                model="other/name", messages=MESSAGES, max_tokens=3
            )
            assert answer.model == "other/name"
            with pytest.raises(openai.NotFoundError, match="nothing"):
                await client.models.retrieve("nothing")


async def test_embeddings_pass_through_the_queue(emulator: EmbeddedEmulator) -> None:
    async with gateway(emulator.url) as running, running.openai() as client:
        answer = await client.embeddings.create(model="emulated", input=["a", "b"])
        assert len(answer.data) == 2
        await running.until_idle()
        assert running.metric("requests_total", endpoint="other", outcome="ok") == 1


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        (b'{"model": ', 400, None, "JSON"),
        (b"[]", 400, None, "object"),
        (b'{"model": 5}', 400, "model", "5"),
        (b'{"model": "gpt-9", "messages": []}', 404, "model", "gpt-9"),
        ('{"model": "é"}'.encode("latin-1"), 400, None, "JSON"),
    ],
)
async def test_bad_requests_get_an_error_in_openais_shape(
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    body: bytes,
    status: int,
    param: str | None,
    words: str,
) -> None:
    async with (
        gateway(emulator.url) as running,
        session.post(running.url + "/v1/chat/completions", data=body) as response,
    ):
        error = (await response.json())["error"]
        assert response.status == status
        assert error["param"] == param
        assert words in error["message"]
        assert error["type"] == "invalid_request_error"


async def test_the_workers_own_refusal_reaches_the_client(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url) as running:
        through = await post(session, running.url, chat(max_tokens=-5))
        direct = await post(session, emulator.url, chat(max_tokens=-5))
        assert running.metric("requests_total", outcome="worker_4xx") == 1
    assert through == direct
    assert through[0] == 400


async def test_a_body_over_the_limit_is_refused(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url, requests={"max_body_bytes": 2000}) as running:
        status, answer = await post(session, running.url, chat(user="x" * 3000))
    assert status == 413
    assert "requests.max_body_bytes" in answer["error"]["message"]


@pytest.mark.parametrize("path", ["/nothing", "/openapi.json"])
async def test_paths_outside_the_api_are_answered_in_openais_shape(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, path: str
) -> None:
    async with (
        gateway(emulator.url) as running,
        session.get(running.url + path) as response,
    ):
        assert response.status == 404
        assert path in (await response.json())["error"]["message"]


async def test_a_model_that_may_still_come_is_answered_with_when_to_ask_again(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        gateway("http://127.0.0.1:9") as running,
        session.get(running.url + "/v1/models/later") as response,
    ):
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/v1/../version", "/v1/%2e%2e/version", "/v1/x/../../version"])
async def test_no_path_leads_to_what_a_worker_has_beside_the_api(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, path: str
) -> None:
    async with gateway(emulator.url) as running:
        url = URL(running.url + path, encoded=True)
        async with session.get(url) as response:
            assert response.status == 404
            assert (await response.json())["error"]["code"] == "not_found"
        assert running.metric("queue_wait_seconds_count") == 0


async def test_paths_and_queries_reach_the_worker_as_they_were_written(
    session: aiohttp.ClientSession,
) -> None:
    async def echo(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}"))

    async with scripted(echo) as worker, gateway(worker.url) as running:
        url = URL(running.url + "/v1/responses/a%2Fb%252e?x=%20y&z", encoded=True)
        async with session.get(url) as response:
            assert response.status == 200
        assert worker.paths == [b"/v1/responses/a%2Fb%252e?x=%20y&z"]
