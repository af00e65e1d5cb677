"""The gateway with a real vLLM."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from predictor.inference.tiered import TieredPredictor
from tests import castillo
from tests.bench.load import hang_up_at_random, stream_all
from tests.gateway.harness import forced, gateway, until
from tests.vllm.engine import VllmServer

pytestmark = pytest.mark.vllm

CASTILLO_MODEL = "Qwen/Qwen2.5-7B-Instruct-1M"
MESSAGES: Any = [{"role": "user", "content": "What is the weather like?"}]
SAMPLING: dict[str, Any] = {"temperature": 0, "seed": 11, "max_tokens": 24}


def body(tokens: int, *, stream: bool = True) -> dict[str, Any]:
    return {
        "model": "tiny",
        "messages": MESSAGES,
        "stream": stream,
        "vllm_xargs": forced(tokens),
    }


async def until_idle(server: VllmServer) -> None:
    """Wait until vLLM reports that no request runs or waits."""

    def busy() -> float:
        metrics = server.metrics()
        return metrics["vllm:num_requests_running"] + metrics["vllm:num_requests_waiting"]

    await until(lambda: not busy(), "vLLM is idle")


def ask_sync(url: str) -> tuple[Any, ...]:
    """Text, usage and finish reason of one answer, whole and streamed, by the sync SDK."""
    with OpenAI(base_url=url + "/v1", api_key="none") as client:
        whole = client.chat.completions.create(model="tiny", messages=MESSAGES, **SAMPLING)
        stream = client.chat.completions.create(
            model="tiny",
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
            **SAMPLING,
        )
        return _same(whole, list(stream))


async def ask_async(url: str) -> tuple[Any, ...]:
    """The same by the async SDK."""
    async with AsyncOpenAI(base_url=url + "/v1", api_key="none") as client:
        whole = await client.chat.completions.create(model="tiny", messages=MESSAGES, **SAMPLING)
        stream = await client.chat.completions.create(
            model="tiny",
            messages=MESSAGES,
            stream=True,
            stream_options={"include_usage": True},
            **SAMPLING,
        )
        return _same(whole, [chunk async for chunk in stream])


def _same(whole: Any, chunks: list[Any]) -> tuple[Any, ...]:
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    answer = (text, choices[-1].finish_reason, chunks[-1].usage)
    assert answer == (
        whole.choices[0].message.content,
        whole.choices[0].finish_reason,
        whole.usage,
    )
    return answer


async def test_the_sdk_gets_what_vllm_asked_directly_would_give(vllm_server: VllmServer) -> None:
    async with gateway(vllm_server.url) as running:
        answers = [
            await asyncio.to_thread(ask_sync, running.url),
            await asyncio.to_thread(ask_sync, vllm_server.url),
            await ask_async(running.url),
            await ask_async(vllm_server.url),
        ]
    text, finish_reason, usage = answers[0]
    assert text
    assert finish_reason == "length"
    assert usage.completion_tokens == SAMPLING["max_tokens"]
    assert all(answer == answers[0] for answer in answers)


async def test_completions_with_several_choices_pass(vllm_server: VllmServer) -> None:
    async with gateway(vllm_server.url) as running, running.openai() as client:
        answer = await client.completions.create(
            model="tiny", prompt=["One", "Two"], n=2, extra_body={"vllm_xargs": forced(6)}
        )
        assert len(answer.choices) == 4
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 24
        await running.until_idle()
        assert running.metric("generation_tokens_total", model="tiny") == 24


@pytest.mark.castillo
async def test_real_prompts_get_their_real_lengths_and_the_forecasts_cover_them(
    vllm_server: VllmServer, castillo_data: Path
) -> None:
    drawn = castillo.requests(CASTILLO_MODEL, 40, 7, max_output=400, max_prompt_chars=2000)
    bodies = [
        {
            "model": CASTILLO_MODEL,
            "messages": [{"role": "user", "content": request.prompt}],
            "vllm_xargs": forced(request.output_tokens),
        }
        for request in drawn
    ]
    async with gateway(vllm_server.url, tiered=TieredPredictor.load()) as running:
        records = await stream_all(running.url, bodies, [0.0] * len(bodies))
        await running.until_idle()
        assert [r.output_tokens for r in records] == [r.output_tokens for r in drawn]
        tokens = running.metric("generation_tokens_total", model=CASTILLO_MODEL)
        assert tokens == sum(r.output_tokens for r in drawn)
        assert running.metric("prompt_tokens_total") == sum(r.prompt_tokens for r in records)
        assert running.metric("prediction_fallbacks_total") == 0
        inside = running.metric("prediction_intervals_total", result="inside")
        assert inside >= 0.5 * len(drawn)


async def test_a_thousand_requests_with_random_hang_ups_leave_vllm_idle(
    vllm_server: VllmServer,
) -> None:
    chance = random.Random(3)
    bodies = [body(chance.randint(5, 40), stream=i % 3 > 0) for i in range(1000)]
    async with gateway(vllm_server.url, queue={"timeout_s": 900}) as running:
        counts = await hang_up_at_random(running.url, bodies, seed=3, longest_s=8)
        assert (counts.answered, counts.left) == (667, 333)
        await running.until_idle()
        await until_idle(vllm_server)
        assert running.metric("requests_total") == counts.sent
        assert running.metric("requests_in_flight") == running.metric("queue_length") == 0


async def test_serve_model_starts_vllm_itself_and_ends_it(vllm_home: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli", "serve", "--port", "0"]
    model = str(vllm_home / "model")
    flags = ["--model", model, "--", "--served-model-name", "mine", "--max-model-len", "2048"]
    path = f"{vllm_home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *command,
        *flags,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PATH": path},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(180):
            url = ""
            while not url.startswith("http"):
                line = await process.stdout.readline()
                assert line, "the command ended before it served"
                if line.startswith(b"Lengthwise is serving on"):
                    url = line.decode().split()[-1]
        async with AsyncOpenAI(base_url=url + "/v1", api_key="none") as client:
            assert [model.id async for model in client.models.list()] == ["mine"]
            # On processors with AMX the CPU build of vLLM dies of a first prompt of two tokens.
            prompt = "Hi there, how long will this take today?"
            answer = await client.completions.create(model="mine", prompt=prompt, max_tokens=4)
            assert answer.usage is not None
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    finally:
        await ended(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    """End a command that ends its own vLLM; a vLLM left behind would hold the output for ever."""
    if process.returncode is None:
        process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60):
            await process.communicate()
    with contextlib.suppress(ProcessLookupError):
        process.kill()
