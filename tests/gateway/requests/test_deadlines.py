"""A client's own deadline: the time limit of its request, and what cannot come until then."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.gateway.harness import Gateway, chat, gateway, hang_up, until
from tests.gateway.requests.named_models import serving
from tests.gateway.scripted import ANSWER, answer

ONE_SLOT: dict[str, Any] = {"worker": {"max_num_seqs": 1}, "scheduling": {"engine_queue": 0}}


async def never(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def soon(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.02)
    writer.write(answer(ANSWER))


async def asked(
    session: aiohttp.ClientSession, running: Gateway, given: str = "", path: str = "chat"
) -> tuple[int, Any, str | None]:
    """Status, code and ``Retry-After`` of a request that declares a timeout."""
    paths = {"chat": "/v1/chat/completions", "at once": "/tokenize"}
    headers = {"X-Request-Timeout": given} if given else {}
    url = running.url + paths[path]
    async with session.post(url, json=chat("m"), headers=headers) as response:
        error = (await response.json()).get("error", {})
        return response.status, error, response.headers.get("Retry-After")


@pytest.mark.parametrize("path", ["chat", "at once"])
async def test_a_declared_timeout_ends_the_request(
    session: aiohttp.ClientSession, path: str
) -> None:
    async with serving("m", script=never) as worker, gateway(worker.url) as running:
        async with asyncio.timeout(5):
            status, error, _ = await asked(session, running, "0.2", path)
        assert (status, error["code"]) == (504, "request_timeout")
        assert "0.2 s (X-Request-Timeout, or timeout_s of the key)" in error["message"]
        assert running.metric("requests_total", outcome="request_timeout") == 1


async def test_a_longer_timeout_than_the_gateway_s_changes_nothing(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        serving("m", script=never) as worker,
        gateway(worker.url, requests={"timeout_s": 0.2}) as running,
    ):
        status, error, _ = await asked(session, running, "60")
        assert status == 504
        assert "0.2 s (requests.timeout_s)" in error["message"]


@pytest.mark.parametrize("given", ["0", "-1", "soon", "nan", "inf", "1e9", "30s"])
async def test_a_timeout_that_is_no_number_of_seconds_is_refused(
    session: aiohttp.ClientSession, given: str
) -> None:
    async with serving("m") as worker, gateway(worker.url) as running:
        status, error, _ = await asked(session, running, given)
        assert (status, error["code"]) == (400, "invalid_timeout")
        assert given in error["message"]


async def _busy(
    session: aiohttp.ClientSession, running: Gateway, waiting: int
) -> list[asyncio.Task[Any]]:
    """Requests of which one runs and so many wait."""
    tasks = []
    for number in range(waiting + 1):
        tasks.append(asyncio.create_task(asked(session, running)))
        await until(lambda n=number: running.scheduler.waiting == n, "it waits")  # type: ignore[misc]
        await until(lambda: running.in_flight == 1, "one runs")
    return tasks


@pytest.mark.parametrize(
    ("mode", "given", "late"),
    [
        ("never", "0.05", False),
        ("declared", "0.05", True),
        ("declared", "3600", False),
        ("declared", "", False),
        ("slo", "", True),
        ("slo", "3600", False),
    ],
)
async def test_a_request_that_will_be_late_is_refused_at_once_where_that_is_asked_for(
    session: aiohttp.ClientSession, mode: str, given: str, late: bool
) -> None:
    settings: dict[str, Any] = {"queue": {"reject_hopeless": mode}, "slo": {"ttft_s": 0.001}}
    async with (
        serving("m", script=soon) as worker,
        gateway(worker.url, **ONE_SLOT, **settings) as running,
    ):
        tasks = [asyncio.create_task(asked(session, running, "3600")) for _ in range(12)]
        await until(lambda: running.scheduler.waiting >= 8, "a queue")
        await until(lambda: running.scheduler.waiting <= 7, "its rate is known")
        status, error, again = await asked(session, running, given)
        if late:
            assert (status, error["code"]) == (503, "deadline_unreachable")
            assert "queue.reject_hopeless" in error["message"]
            assert again is not None
            assert int(again) >= 1
        else:
            assert error.get("code") in {None, "request_timeout"}
        await asyncio.gather(*tasks)


async def test_the_policy_slo_starts_first_whose_deadline_is_next(
    session: aiohttp.ClientSession,
) -> None:
    done: list[str] = []
    async with (
        serving("m", script=soon) as worker,
        gateway(
            worker.url,
            worker={"max_num_seqs": 1},
            scheduling={"engine_queue": 0, "policy": "slo"},
        ) as running,
    ):

        async def ask(given: str) -> None:
            await asked(session, running, given)
            done.append(given)

        running.app.state.dispatcher.pause()
        tasks = []
        for number, given in enumerate(("900", "300", "600"), 1):
            tasks.append(asyncio.create_task(ask(given)))
            await until(lambda n=number: running.scheduler.waiting == n, "it waits")  # type: ignore[misc]
        running.app.state.dispatcher.pause(False)
        await asyncio.gather(*tasks)
        assert done == ["300", "600", "900"]


async def test_a_queue_full_of_tokens_says_so(session: aiohttp.ClientSession) -> None:
    async with (
        serving("m", script=never) as worker,
        gateway(worker.url, queue={"max_waiting_tokens": 1}, **ONE_SLOT) as running,
    ):
        tasks = await _busy(session, running, 1)
        status, error, again = await asked(session, running)
        assert (status, error["code"]) == (429, "queue_tokens_full")
        assert again is not None
        assert "queue.max_waiting_tokens" in error["message"]
        assert running.metric("requests_total", outcome="queue_tokens_full") == 1
        await hang_up(*tasks)


# A deadline of the key's holder

KEY = {"Authorization": "Bearer " + "a" * 20}


def keys(seconds: float) -> dict[str, Any]:
    groups = [{"name": "ana", "timeout_s": seconds}]
    return {"api_keys": {"ana": "a" * 20, "ben": "b" * 20}, "groups": groups}


@pytest.mark.parametrize("given", ["", "60"])
async def test_a_holder_s_deadline_is_the_default_and_the_bound_of_a_request_s(
    session: aiohttp.ClientSession, given: str
) -> None:
    async with (
        serving("m", script=never) as worker,
        gateway(worker.url, access=keys(0.2)) as running,
    ):
        headers = {**KEY, **({"X-Request-Timeout": given} if given else {})}
        url = running.url + "/v1/chat/completions"
        async with (
            asyncio.timeout(5),
            session.post(url, json=chat("m"), headers=headers) as response,
        ):
            error = (await response.json())["error"]
            assert (response.status, error["code"]) == (504, "request_timeout")
            assert "0.2 s (X-Request-Timeout, or timeout_s of the key)" in error["message"]


@pytest.mark.parametrize(
    ("holder", "given", "due"),
    [("a", "", 300.0), ("a", "20", 20.0), ("a", "900", 300.0), ("b", "900", 900.0)],
)
async def test_the_nearer_of_two_deadlines_counts_for_the_order(
    session: aiohttp.ClientSession, holder: str, given: str, due: float
) -> None:
    async with (
        serving("m", script=never) as worker,
        gateway(worker.url, access=keys(300)) as running,
    ):
        headers = {"Authorization": "Bearer " + holder * 20}
        headers |= {"X-Request-Timeout": given} if given else {}
        url = running.url + "/v1/chat/completions"
        task = asyncio.create_task(session.post(url, json=chat("m"), headers=headers).__aenter__())
        await until(lambda: running.in_flight == 1, "it runs")
        [job] = [job for jobs in running.scheduler.workers.values() for job in jobs]
        assert job.due - job.arrival == pytest.approx(due)
        await hang_up(task)
