"""Attempts beyond the first: bounded over the whole gateway, and gentle to a worker that fails."""

from __future__ import annotations

import asyncio
from time import monotonic

import aiohttp
import pytest

from gateway.config.scheduling import Slo
from gateway.config.settings import Requests
from gateway.metrics import Metrics
from gateway.requests.retry_budget import LONGEST_PAUSE_S, WINDOW_S, RetryBudget, pause_s
from tests.gateway.harness import chat, gateway, post, until
from tests.gateway.scripted import ANSWER, answer, refusing, scripted


def budget(share: float, per_s: float) -> RetryBudget:
    settings = Requests(retry_share=share, retries_per_s=per_s, retries=5)
    return RetryBudget(settings, Metrics(Slo()))


async def _abort(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def test_retries_are_a_share_of_the_requests_and_a_few_each_second() -> None:
    retries = budget(0.2, 1.0)
    assert sum(retries.take() for _ in range(100)) == WINDOW_S
    for _ in range(50):
        retries.begin()
    assert sum(retries.take() for _ in range(100)) == 10


def test_requests_and_retries_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("gateway.requests.retry_budget.monotonic", lambda: now)
    retries = budget(0.5, 0.0)
    for _ in range(4):
        retries.begin()
    assert [retries.take() for _ in range(3)] == [True, True, False]
    now += WINDOW_S
    assert not retries.take(), "the requests are of long ago"
    retries.begin()
    retries.begin()
    assert retries.take(), "the retries are of long ago"


async def test_a_request_is_tried_again_as_often_as_its_setting_says() -> None:
    retries = budget(1.0, 100.0).begin()
    assert [await retries.again(elsewhere=True) for _ in range(6)] == [True] * 5 + [False]
    assert not retries.denied


def test_pauses_grow_and_differ() -> None:
    assert 0.05 <= pause_s(0) <= 0.1
    assert len({pause_s(1) for _ in range(50)}) > 40, "no jitter"
    assert all(LONGEST_PAUSE_S / 2 <= pause_s(n) <= LONGEST_PAUSE_S for n in (5, 50, 5000))


async def test_where_all_workers_fail_attempts_are_few_and_the_reason_is_told(
    session: aiohttp.ClientSession,
) -> None:
    settings = {"retry_share": 0.2, "retries_per_s": 0}
    async with (
        scripted(_abort) as one,
        scripted(_abort) as two,
        gateway(one.url, two.url, requests=settings) as running,
    ):
        members = running.app.state.fleet.members
        for _ in range(20):
            await until(lambda: all(m.healthy for m in members), "both workers are up")
            status, body = await post(session, running.url, chat())
            assert (status, body["error"]["code"]) == (502, "worker_failed")
        assert "requests.retry_share" in body["error"]["message"]
        assert 20 <= one.served + two.served <= 24
        assert running.metric("retries_total", result="tried") <= 4
        assert running.metric("retries_total", result="denied") >= 16


async def test_a_refusal_goes_to_the_client_where_the_budget_is_spent(
    session: aiohttp.ClientSession,
) -> None:
    async def good(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(ANSWER))

    settings = {"retry_share": 0, "retries_per_s": 0}
    async with (
        scripted(refusing("503 Service Unavailable")) as busy,
        scripted(good) as other,
        gateway(busy.url, other.url, requests=settings) as running,
    ):
        statuses = [(await post(session, running.url, chat()))[0] for _ in range(2)]
        assert sorted(statuses) == [200, 503]
        assert running.metric("retries_total", result="denied") == 1


async def test_requests_that_a_breaking_worker_loses_together_are_moved_beyond_the_budget(
    session: aiohttp.ClientSession,
) -> None:
    """The first of them counts; here the budget has room for that one alone."""
    gone = asyncio.Event()

    async def breaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.transport.abort()

    async def good(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(ANSWER))

    settings = {"retry_share": 0, "retries_per_s": 0.1}
    many = {"max_num_seqs": 32}
    async with (
        scripted(breaks) as worker,
        scripted(good) as other,
        gateway(worker.url, other.url, requests=settings, worker=many) as running,
    ):
        tasks = [asyncio.create_task(post(session, running.url, chat())) for _ in range(20)]
        await until(lambda: worker.served >= 2 and worker.served + other.served >= 20, "all sent")
        gone.set()
        assert {status for status, _ in await asyncio.gather(*tasks)} == {200}
        assert running.metric("retries_total", result="tried") == 1
        assert running.metric("retries_total", result="moved") == worker.served - 1


async def test_the_only_worker_is_not_asked_again_at_once(session: aiohttp.ClientSession) -> None:
    times: list[float] = []

    async def abort(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        times.append(monotonic())
        writer.transport.abort()

    async with scripted(abort) as worker, gateway(worker.url) as running:
        assert (await post(session, running.url, chat()))[0] == 502
        assert worker.served == 3
    first, second, third = times
    assert second - first >= 0.05
    assert third - second >= 0.1
