"""Limits over HTTP: each with its reason, and what each kind of end counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.access.account import Account
from gateway.emulator import EmbeddedEmulator
from tests.gateway.access.keys import ask, bearer
from tests.gateway.harness import Gateway, chat, forced, gateway, hang_up, post, until
from tests.gateway.scripted import Script, answer, chunked, scripted

KEY, OTHER = "a" * 20, "b" * 20
PROMPT, OUTPUT = 12, 34

WHOLE = json.dumps(
    {
        "choices": [{"finish_reason": "stop"}],
        "usage": {
            **{"prompt_tokens": PROMPT, "completion_tokens": OUTPUT},
            **{"input_tokens": PROMPT, "output_tokens": OUTPUT},
        },
    }
).encode()
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@asynccontextmanager
async def limited(
    worker: str, settings: dict[str, Any] | None = None, **rights: Any
) -> AsyncIterator[Gateway]:
    """A gateway for alice, who has these rights, and bob, who has no bounds."""
    access = {"api_keys": {"alice": KEY, "bob": OTHER}, "groups": [{"name": "alice", **rights}]}
    async with gateway(worker, access=access, **(settings or {})) as running:
        yield running
        await running.until_idle()
        await until(lambda: account(running).running == 0, "nothing runs for alice")
        assert account(running).reserved == pytest.approx(0)


def account(running: Gateway, name: str = "alice") -> Account:
    found: Account = running.app.state.access._accounts.of(name)
    return found


async def answers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(WHOLE))


@pytest.mark.parametrize(
    ("rights", "allowed", "reason"),
    [
        ({}, 5, None),
        ({"requests_per_min": 2}, 2, "requests_per_min"),
        ({"tokens_per_min": 1}, 1, "tokens_per_min"),
        ({"tokens_per_min": 2 * (PROMPT + OUTPUT) + 20}, 2, "tokens_per_min"),
        ({"tokens_per_day": 1}, 0, "daily_budget"),
        ({"tokens_per_day": 2 * (PROMPT + OUTPUT) + 1}, 2, "daily_budget"),
        ({"tokens_per_month": 1}, 0, "monthly_budget"),
        ({"tokens_per_month": 3 * (PROMPT + OUTPUT) + 1}, 3, "monthly_budget"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_each_limit_has_its_reason(
    session: aiohttp.ClientSession,
    rights: dict[str, Any],
    allowed: int,
    reason: str | None,
    path: str,
) -> None:
    async with scripted(answers) as worker, limited(worker.url, **rights) as running:
        running.app.state.access.clock.steady = lambda: 0.0
        found = [
            await ask(session, running.url, bearer(KEY), path, max_tokens=OUTPUT) for _ in range(5)
        ]
        assert [status for status, _, _ in found] == [200] * allowed + [429] * (5 - allowed)
        assert worker.served == allowed
        for _, body, headers in found[allowed:]:
            assert int(headers["retry-after"]) >= 1
            assert body["error"]["type"] == "rate_limit_error"
            assert "alice" in body["error"]["message"]
            if path == "/v1/chat/completions":
                assert body["error"]["code"] == reason
        if reason is not None:
            assert running.metric("requests_total", outcome=reason) == 5 - allowed
        assert (await ask(session, running.url, bearer(OTHER), path))[0] == 200


async def test_a_lower_max_tokens_fits_into_the_rest_of_a_budget(
    session: aiohttp.ClientSession,
) -> None:
    async with scripted(answers) as worker, limited(worker.url, tokens_per_day=60) as running:
        status, body, _ = await ask(session, running.url, bearer(KEY), max_tokens=5000)
        assert (status, body["error"]["code"]) == (429, "daily_budget")
        assert "60 are left" in body["error"]["message"]
        assert (await ask(session, running.url, bearer(KEY), max_tokens=2))[0] == 200


async def test_concurrency_counts_waiting_and_running_requests(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    settings: dict[str, Any] = {"worker": {"max_num_seqs": 1}, "scheduling": {"engine_queue": 0}}
    async with limited(emulator.url, settings, concurrency=2) as running:
        body = chat(vllm_xargs=forced(3000), max_tokens=3000)
        url, headers = running.url + "/v1/chat/completions", bearer(KEY)

        async def one() -> int:
            async with session.post(url, json=body, headers=headers) as response:
                return response.status

        tasks = [asyncio.create_task(one()) for _ in range(2)]
        await until(lambda: account(running).running == 2, "both have come")
        await until(lambda: running.scheduler.waiting == 1, "one waits")
        status, told, again = await ask(session, running.url, headers)
        assert (status, told["error"]["code"]) == (429, "concurrency")
        assert int(again["retry-after"]) >= 1
        await hang_up(tasks[0])
        await until(lambda: account(running).running == 1, "one has gone")
        third = asyncio.create_task(one())
        await until(lambda: account(running).running == 2, "another one has come")
        await hang_up(tasks[1], third)


def ending(case: str, go: asyncio.Event, hang: asyncio.Event) -> Script:
    """A worker that answers as the case says, once told to ``go``."""
    usage = {"prompt_tokens": PROMPT, "completion_tokens": OUTPUT}
    told = b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
    stream = EVENT * 2 + EVENT.replace(b"null", b'"stop"') + told * (case == "stream")
    stream += b"data: [DONE]\n\n"
    embedded = json.dumps({"usage": {"prompt_tokens": PROMPT}}).encode()
    sent = {
        "whole": answer(WHOLE),
        "embeddings": answer(embedded),
        "refused by the worker": answer(b'{"error": {}}', "400 Bad Request"),
        "the worker fails": b"",
        "cut after 3": STREAM + chunked(EVENT * 3),
        "hang-up after 3": STREAM + chunked(EVENT * 3),
        "hang-up before the whole answer": b"",
        "hang-up before the first token": STREAM,
    }

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(sent.get(case, STREAM + chunked(stream) + b"0\r\n\r\n"))
        await writer.drain()
        if case.startswith("hang-up"):
            await hang.wait()

    return script


@pytest.mark.parametrize(
    ("case", "counted"),
    [
        ("whole", PROMPT + OUTPUT),
        ("stream", PROMPT + OUTPUT),
        ("stream without usage", "prompt + 3"),
        ("refused by the worker", 0),
        ("the worker fails", 0),
        ("cut after 3", "prompt + 3"),
        ("hang-up after 3", "prompt + 3"),
        ("hang-up before the whole answer", "expected"),
        ("hang-up before the first token", "prompt"),
        ("embeddings", PROMPT),
    ],
)
async def test_each_end_counts_what_came(
    session: aiohttp.ClientSession, case: str, counted: int | str
) -> None:
    go, hang = asyncio.Event(), asyncio.Event()
    settings: dict[str, Any] = {"requests": {"retries": 0}}
    async with (
        scripted(ending(case, go, hang)) as worker,
        limited(worker.url, settings, tokens_per_min=10**9) as running,
    ):
        running.app.state.access.clock.steady = lambda: 0.0
        own, path = account(running), "/v1/chat/completions"
        streams = "stream" in case or " 3" in case or "first token" in case
        body: dict[str, Any] = chat(max_tokens=50, stream=streams)
        if case == "embeddings":
            path, body = "/v1/embeddings", {"model": "emulated", "input": "Hello"}

        async def one() -> None:
            async with session.post(running.url + path, json=body, headers=bearer(KEY)) as response:
                async for _ in response.content.iter_any():
                    pass

        task = asyncio.create_task(one())
        await until(lambda: worker.served == 1, "the worker has it")
        expected = own.reserved
        [job] = [job for jobs in running.scheduler.workers.values() for job in jobs]
        prompt = job.prompt_tokens
        assert expected == pytest.approx(prompt + job.expected_tokens)
        go.set()
        if case.startswith("hang-up"):
            await asyncio.sleep(0.1)
            await hang_up(task)
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: own.running == 0, "the request has ended")
        hang.set()
        values = {"prompt": prompt, "prompt + 3": prompt + 3, "expected": expected}
        want = values[counted] if isinstance(counted, str) else counted
        assert own.spent.today == pytest.approx(want)
        assert own.tokens.used == pytest.approx(want)


async def test_a_request_that_leaves_the_queue_counts_nothing(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    settings: dict[str, Any] = {"worker": {"max_num_seqs": 1}, "scheduling": {"engine_queue": 0}}
    async with limited(emulator.url, settings) as running:
        body = chat(vllm_xargs=forced(3000), max_tokens=3000)
        first = asyncio.create_task(ask(session, running.url, bearer(OTHER), **body))
        await until(lambda: running.in_flight == 1, "bob's request runs")
        second = asyncio.create_task(ask(session, running.url, bearer(KEY), **body))
        await until(lambda: account(running).reserved > 0, "alice's waits")
        await hang_up(first, second)
        await until(lambda: account(running).running == 0, "it has gone")
        assert account(running).spent.today == 0
        assert account(running, "bob").spent.today > 100  # nobody knows how far it was


async def test_hundreds_of_requests_at_once_are_counted_to_the_token(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with limited(emulator.url, tokens_per_min=10**9) as running:
        running.app.state.access.clock.steady = lambda: 0.0

        async def one(number: int) -> int:
            length = 1 + number % 17
            fields: dict[str, Any] = {
                "max_tokens": 20,
                "vllm_xargs": forced(length),
                "stream": False,
            }
            _, body, _ = await ask(session, running.url, bearer(KEY), **fields)
            return int(body["usage"]["total_tokens"])

        totals = await asyncio.gather(*map(one, range(300)))
        assert account(running).spent.today == sum(totals)
        assert account(running).tokens.used == pytest.approx(sum(totals), abs=1)


async def test_nothing_is_counted_where_nobody_needs_a_key(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url) as running:
        assert (await post(session, running.url, chat(max_tokens=2)))[0] == 200
        assert len(running.app.state.access._accounts) == 0
