"""Time limits towards workers: what is cut, what is tried elsewhere, and what may take long."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from gateway.config.settings import Requests
from gateway.protocol.dialects.choices import ChoicesReader
from gateway.protocol.openai import parse
from gateway.requests.time_limits import Overdue, TimeLimits
from gateway.workers.exchanges import Exchanges
from scheduler.worker import Worker
from scheduler.worker_spec import WorkerSpec
from tests.gateway.harness import chat, gateway, post, until
from tests.gateway.requests.answers import DONE, STOP, ask, streams, whole
from tests.gateway.requests.test_frozen_workers import silence, stall
from tests.gateway.scripted import ANSWER, CHUNK, STREAM_HEAD, Script, chunked, scripted
from tests.scheduler.builders import job

SHORT = {"first_token_timeout_s": 0.3, "token_timeout_s": 0.2, "retries": 1}
GENERATED: dict[str, Any] = {"max_tokens": 1}
"""An answer whose expected duration adds half a second to a limit."""


def dripping(*events: bytes, gap_s: float = 0.03) -> Script:
    """A stream that sends these events again and again, a byte at a time or event by event."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(CHUNK))
        while not writer.is_closing():
            for event in events:
                writer.write(chunked(event))
                await writer.drain()
                await asyncio.sleep(gap_s)

    return script


async def test_a_silent_worker_is_given_up_and_another_tried(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        scripted(silence) as worker,
        scripted(streams(CHUNK, STOP, DONE)) as other,
        gateway(worker.url, other.url, requests={**SHORT, "retries": 5}) as running,
    ):
        async with asyncio.timeout(5):
            asked = (ask(session, running, stream=True, **GENERATED) for _ in range(4))
            assert set(await asyncio.gather(*asked)) == {(200, CHUNK + STOP + DONE)}
        assert running.metric("worker_failures_total", worker=worker.url) == worker.served > 0
        assert running.app.state.fleet[worker.url].healthy


@pytest.mark.parametrize("stream", [True, False])
async def test_where_all_are_silent_the_error_names_the_limit(
    session: aiohttp.ClientSession, stream: bool
) -> None:
    async with scripted(silence) as worker, gateway(worker.url, requests=SHORT) as running:
        async with asyncio.timeout(5):
            status, body = await post(session, running.url, chat(stream=stream, **GENERATED))
        assert (status, body["error"]["code"]) == (504, "first_token_timeout")
        assert "requests.first_token_timeout_s = 0.3" in body["error"]["message"]
        assert worker.served == 2
        await running.until_idle()
        assert running.metric("requests_total", outcome="first_token_timeout") == 1


@pytest.mark.parametrize(
    "script",
    [stall, dripping(b": keep-alive\n\n"), dripping(*(b"%c" % byte for byte in CHUNK * 9))],
    ids=["silent", "comments", "bytes"],
)
async def test_a_stream_whose_tokens_stop_ends_with_an_error_event(
    session: aiohttp.ClientSession, script: Script
) -> None:
    async with scripted(script) as worker, gateway(worker.url, requests=SHORT) as running:
        async with asyncio.timeout(5):
            status, body = await ask(session, running, stream=True)
        assert status == 200
        error = json.loads(body[body.rindex(b"data: ") :].removeprefix(b"data: "))["error"]
        assert error["code"] == "token_timeout"
        assert "requests.token_timeout_s" in error["message"]
        await running.until_idle()
        assert running.metric("requests_total", outcome="token_timeout") == 1


async def test_a_slow_stream_whose_tokens_come_is_whole(session: aiohttp.ClientSession) -> None:
    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for event in [CHUNK] * 8 + [STOP, DONE]:
            writer.write(chunked(event))
            await asyncio.sleep(0.06)
        writer.write(b"0\r\n\r\n")

    async with scripted(slow) as worker, gateway(worker.url, requests=SHORT) as running:
        assert await ask(session, running, stream=True) == (200, CHUNK * 8 + STOP + DONE)


async def test_a_whole_answer_may_take_its_expected_duration(
    session: aiohttp.ClientSession,
) -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.8)
        await whole(ANSWER)(reader, writer)

    async with scripted(late) as worker, gateway(worker.url, requests=SHORT) as running:
        assert (await post(session, running.url, chat(max_tokens=20)))[0] == 200


async def test_a_worker_that_does_not_end_a_whole_stream_costs_no_error(
    session: aiohttp.ClientSession,
) -> None:
    async def open_end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + b"".join(map(chunked, [CHUNK, STOP, DONE])))
        await writer.drain()
        await asyncio.Event().wait()

    async with scripted(open_end) as worker, gateway(worker.url, requests=SHORT) as running:
        assert await ask(session, running, stream=True) == (200, CHUNK + STOP + DONE)
        await running.until_idle()
        assert running.metric("requests_total", outcome="ok") == 1


async def test_a_connection_that_is_not_accepted_in_time_fails() -> None:
    bounds = {"connect_timeout_s": 0.2}
    async with gateway("http://10.255.255.1:9", requests=bounds) as running:
        await until(lambda: bool(running.app.state.fleet.members[0].problem), "it is down")


# The limits themselves


def limits(worker: Worker | None = None, **fields: object) -> TimeLimits:
    """The limits of a request of 1,000 tokens, whose answer has 10 by the forecast, 500 at most."""
    body = json.dumps({"model": "m", "stream": True, **fields}).encode()
    request = parse("chat/completions", "POST", "application/json", body)
    sent = job("1", tokens=10, prompt=1000)
    sent.most_tokens = 500
    return TimeLimits(Requests(), request, sent, worker, Exchanges())


def first_s(one: TimeLimits) -> float:
    """Seconds until the first token of a request that has just been sent."""
    return one.exchange.deadline - asyncio.get_running_loop().time()


async def test_the_first_token_may_take_as_long_as_prompt_length_and_queue_let_expect() -> None:
    assert first_s(limits()) == pytest.approx(120 + 4, abs=0.1)
    assert first_s(limits(stream=False)) == pytest.approx(124 + 5 * 500 * 0.1, abs=0.1)
    for held_back in ({"tools": [{"type": "function"}]}, {"include_reasoning": False}):
        assert first_s(limits(**held_back)) == pytest.approx(124 + 5 * 500 * 0.1, abs=0.1)
    full = Worker(WorkerSpec(id="w", models=frozenset(("m",)), slots=1, engine_queue=9))
    full.add(job("2", tokens=1000))
    full.add(job("3", tokens=1000))
    assert first_s(limits(full)) == pytest.approx(124 + 5 * 2000 * 0.1, abs=0.1)
    full.pace.observe(tokens=1000, seconds=10.0, now=10.0)
    assert first_s(limits(full)) == pytest.approx(124 + 5 * 2000 * 0.01, abs=0.1)


async def test_first_tokens_of_others_that_come_late_move_the_limit() -> None:
    one = limits()
    one.exchange.deadline = 0.0
    one.exchanges.began_after(60.0)
    assert one.exchange.overdue() is None
    assert first_s(one) == pytest.approx(124 + 5 * 60, abs=0.1)
    one._begun -= 124 + 5 * 60
    assert isinstance(one.exchange.overdue(), Overdue)


async def test_the_clients_time_does_not_count_and_tools_may_pause() -> None:
    for tools, between in [([], 60.0), ([{"type": "function"}], 60 + 5 * 500 * 0.1)]:
        one, reader = limits(tools=tools), ChoicesReader()
        one.pause()
        assert one.exchange.deadline == float("inf")
        later = asyncio.get_running_loop().time() + 1000
        one.resume(reader, later)
        assert one.exchange.deadline == pytest.approx(later + 64 + between, abs=0.1)
        reader.tokens = 1
        one.pause()
        one.resume(reader, later)
        assert one.exchange.deadline == later + between


async def test_a_sequence_may_wait_for_its_memory_while_others_grow_and_not_for_ever() -> None:
    one, reader = limits(), ChoicesReader(tokens=1)
    loop = asyncio.get_running_loop()
    one.pause()
    one.resume(reader, loop.time() - 60)
    one.exchanges.pressed = loop.time() - 61
    assert isinstance(one.exchange.overdue(), Overdue), "the engine has had its memory since"
    one.exchanges.pressed = loop.time() - 10
    assert one.exchange.overdue() is None
    assert first_s(one) == pytest.approx(60, abs=0.1)
    one._last -= 9.5 * 60
    one.exchanges.pressed = loop.time()
    late = one.exchange.overdue()
    assert isinstance(late, Overdue), "ten times the limit"
    assert "within 630 s" in str(late)
