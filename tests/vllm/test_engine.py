"""The real engine behaves as the gateway and its tests assume."""

import asyncio
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.workers.engine_report import parse_report
from tests.vllm.engine import EngineError, VllmServer

pytestmark = pytest.mark.vllm

LENGTHS = [1, 2, 3, 5, 17, 64, 127, 128, 129, 300]
BLOCK = 128


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


def body(tokens: int, **more: Any) -> dict[str, Any]:
    """A chat request whose reply has exactly `tokens` tokens."""
    message = {"role": "user", "content": "How long will this take?"}
    return {
        "model": "tiny",
        "messages": [message],
        "vllm_xargs": {"target_tokens": tokens},
        **more,
    }


async def chat(
    client: aiohttp.ClientSession, server: VllmServer, tokens: int, **more: Any
) -> dict[str, Any]:
    """Sends a request, checks that the reply ended by itself, returns it."""
    url = f"{server.url}/v1/chat/completions"
    async with client.post(url, json=body(tokens, **more)) as reply:
        answer: dict[str, Any] = await reply.json()
        assert reply.status == 200, answer
    assert {choice["finish_reason"] for choice in answer["choices"]} == {"stop"}
    return answer


async def length(client: aiohttp.ClientSession, server: VllmServer, tokens: int) -> int:
    answer = await chat(client, server, tokens)
    return int(answer["usage"]["completion_tokens"])


async def stream(
    client: aiohttp.ClientSession, server: VllmServer, tokens: int
) -> list[dict[str, Any]]:
    """Sends a streaming request, returns the chunks."""
    request = body(tokens, stream=True, stream_options={"include_usage": True})
    async with client.post(f"{server.url}/v1/chat/completions", json=request) as reply:
        lines = [line.decode().strip() async for line in reply.content if line.strip()]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def until(condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Waits until a condition on the server's metrics holds."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, "the condition did not hold in time"
        await asyncio.sleep(0.05)


def counts(server: VllmServer) -> tuple[int, int]:
    """Requests running and waiting."""
    metrics = server.metrics()
    return int(metrics["vllm:num_requests_running"]), int(metrics["vllm:num_requests_waiting"])


async def cancel(*tasks: "asyncio.Task[Any]") -> None:
    """Hangs up on requests."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_replies_have_exactly_the_length_asked_for(
    client: aiohttp.ClientSession, vllm_server: VllmServer
) -> None:
    lengths = [length(client, vllm_server, tokens) for tokens in LENGTHS]
    assert await asyncio.gather(*lengths) == LENGTHS


async def test_streamed_replies_have_exactly_the_length_asked_for(
    client: aiohttp.ClientSession, vllm_server: VllmServer
) -> None:
    replies = await asyncio.gather(*(stream(client, vllm_server, n) for n in LENGTHS))
    for tokens, reply in zip(LENGTHS, replies, strict=True):
        *chunks, last = reply
        assert last["choices"] == []
        assert last["usage"]["completion_tokens"] == tokens
        assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
        assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks[:-1])
        text = [chunk["choices"][0]["delta"]["content"] for chunk in chunks]
        assert ("".join(text) != "") == (tokens > 1)
        assert "\ufffd" not in "".join(text)


async def test_each_of_several_choices_has_the_length(
    client: aiohttp.ClientSession, vllm_server: VllmServer
) -> None:
    answer = await chat(client, vllm_server, 40, n=3)
    assert len(answer["choices"]) == 3
    assert answer["usage"]["completion_tokens"] == 3 * 40


async def test_a_length_below_1_is_refused(
    client: aiohttp.ClientSession, vllm_server: VllmServer
) -> None:
    request = body(0)
    async with client.post(f"{vllm_server.url}/v1/chat/completions", json=request) as reply:
        answer = await reply.json()
    assert reply.status == 400
    assert "target_tokens" in answer["error"]["message"]


async def test_all_names_of_the_model_are_served(
    client: aiohttp.ClientSession, vllm_server: VllmServer
) -> None:
    async with client.get(f"{vllm_server.url}/v1/models") as reply:
        models = (await reply.json())["data"]
    assert [model["id"] for model in models] == vllm_server.served_model_names
    assert {model["max_model_len"] for model in models} == {vllm_server.max_model_len}


async def test_the_queue_is_ordered_by_priority(
    client: aiohttp.ClientSession, vllm_server: VllmServer
) -> None:
    slots, finished = vllm_server.max_num_seqs, []
    long = [asyncio.create_task(chat(client, vllm_server, 4000)) for _ in range(slots)]
    await until(lambda: counts(vllm_server) == (slots, 0))

    async def queue(priority: int) -> None:
        await chat(client, vllm_server, 5, priority=priority)
        finished.append(priority)

    short = [asyncio.create_task(queue(priority)) for priority in (3, -1, 2, 0, 1)]
    await until(lambda: counts(vllm_server) == (slots, len(short)))
    await cancel(long[0])  # frees one place, which the short requests take in turn
    await asyncio.gather(*short)
    assert finished == [-1, 0, 1, 2, 3]
    await cancel(*long)
    await until(lambda: counts(vllm_server) == (0, 0))


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_client_that_hangs_up_stops_the_generation(
    client: aiohttp.ClientSession, vllm_server: VllmServer, streaming: bool
) -> None:
    request = asyncio.create_task(
        stream(client, vllm_server, 4000) if streaming else length(client, vllm_server, 4000)
    )
    await until(lambda: counts(vllm_server) == (1, 0))
    await cancel(request)
    await until(lambda: counts(vllm_server) == (0, 0), seconds=3)
    before = vllm_server.metrics()["vllm:generation_tokens_total"]
    await asyncio.sleep(0.3)
    assert vllm_server.metrics()["vllm:generation_tokens_total"] == before


def test_the_metrics_tell_the_size_of_the_kv_cache(
    vllm_server: VllmServer, cramped_server: Callable[..., VllmServer]
) -> None:
    assert int(vllm_server.cache_config()["kv_cache_size_tokens"]) >= 8 * 4096
    server = cramped_server()
    config, blocks = server.cache_config(), server.num_gpu_blocks_override
    assert blocks is not None
    assert (int(config["num_gpu_blocks"]), int(config["block_size"])) == (blocks, BLOCK)
    assert int(config["kv_cache_size_tokens"]) == blocks * BLOCK


async def test_the_capacity_that_the_gateway_reads_is_what_the_engine_can_fill(
    client: aiohttp.ClientSession, cramped_server: Callable[..., VllmServer]
) -> None:
    """The use that vLLM reports is a share of that capacity: whole blocks are held."""
    server = cramped_server()
    request = asyncio.create_task(length(client, server, 1500))

    def held() -> float:
        with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as reply:
            report = parse_report(reply.read().decode())
        assert report.kv_tokens is not None
        assert report.kv_usage is not None
        return report.kv_usage * report.kv_tokens / BLOCK

    await until(lambda: held() >= 4)
    blocks = held()
    assert blocks == pytest.approx(round(blocks))
    await cancel(request)


async def test_preempted_replies_have_exactly_the_length_asked_for(
    client: aiohttp.ClientSession, cramped_server: Callable[..., VllmServer]
) -> None:
    server = cramped_server()
    before = server.metrics()["vllm:num_preemptions_total"]
    wanted = [300, 280, 320, 5, 290, 310, 270, 330, 40, 300, 290, 280, 310, 300]
    lengths = [length(client, server, tokens) for tokens in wanted]
    assert await asyncio.gather(*lengths) == wanted
    assert server.metrics()["vllm:num_preemptions_total"] > before


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho the reason\nexit 1\n")
    python.chmod(0o755)
    server = VllmServer(home=tmp_path, log_dir=tmp_path)
    with pytest.raises(EngineError, match=r"ended while starting\n.*\nthe reason"):
        server.start()
    assert not server.running
