"""What is left of the limits per minute, in the headers that clients of OpenAI read."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from gateway.access.limit_headers import duration
from tests.gateway.access.keys import ask, bearer
from tests.gateway.access.test_shared_limits import ANA, BEN, TOKENS, WHOLE, answers, team
from tests.gateway.harness import chat, gateway
from tests.gateway.scripted import answer, scripted


def limits(headers: Any) -> dict[str, str]:
    """The limit headers, each of which must stand there once."""
    prefix = "x-ratelimit-"
    names = [name.lower() for name in headers if name.lower().startswith(prefix)]
    assert len(names) == len(set(names))
    return {name.removeprefix(prefix): headers[name] for name in names}


async def test_answers_and_refusals_tell_what_is_left(session: aiohttp.ClientSession) -> None:
    rights = {"requests_per_min": 2, "tokens_per_min": 6000}
    async with (
        scripted(answers) as worker,
        gateway(worker.url, access=team({}, **rights)) as running,
    ):
        running.app.state.access.clock.steady = lambda: 0.0
        _, _, headers = await ask(session, running.url, bearer(ANA))
        first = limits(headers)
        assert 5900 < int(first.pop("remaining-tokens")) < 6000, "the forecast is reserved"
        assert first.pop("reset-tokens").endswith(("s", "ms"))
        assert first == {
            "limit-requests": "2",
            "remaining-requests": "1",
            "reset-requests": "30s",
            "limit-tokens": "6000",
        }
        await running.until_idle()
        await ask(session, running.url, bearer(ANA))
        await running.until_idle()
        status, _, headers = await ask(session, running.url, bearer(ANA))
        assert status == 429
        assert headers["retry-after"] == "30"
        assert limits(headers) == {
            **{"limit-requests": "2", "remaining-requests": "0", "reset-requests": "1m0s"},
            **{"limit-tokens": "6000", "remaining-tokens": str(6000 - 2 * TOKENS)},
            "reset-tokens": "800ms",
        }
        _, _, headers = await ask(session, running.url, bearer(BEN))
        assert limits(headers)["remaining-requests"] == "1", "ben has limits of his own"


async def test_the_limit_with_the_least_left_is_told(session: aiohttp.ClientSession) -> None:
    access = team({"requests_per_min": 3}, requests_per_min=2)
    async with scripted(answers) as worker, gateway(worker.url, access=access) as running:
        running.app.state.access.clock.steady = lambda: 0.0
        told = []
        for key in (ANA, BEN, BEN):
            _, _, headers = await ask(session, running.url, bearer(key))
            told.append((limits(headers)["limit-requests"], limits(headers)["remaining-requests"]))
        assert told == [("2", "1"), ("2", "1"), ("2", "0")]


@pytest.mark.parametrize("limited", [True, False])
async def test_a_worker_s_own_limits_do_not_contradict(
    session: aiohttp.ClientSession, limited: bool
) -> None:
    own = answer(WHOLE).replace(b"\r\n", b"\r\nX-RateLimit-Limit-Requests: 9\r\n", 1)

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(own)

    rights = {"requests_per_min": 2} if limited else {}
    async with scripted(script) as worker, gateway(worker.url, access=team({}, **rights)) as one:
        _, _, headers = await ask(session, one.url, bearer(ANA))
        assert limits(headers)["limit-requests"] == ("2" if limited else "9")


async def test_a_stream_tells_them_at_its_begin(session: aiohttp.ClientSession) -> None:
    async def stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        event = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
        writer.write(head + event + b"data: [DONE]\n\n")
        writer.close()

    async with (
        scripted(stream) as worker,
        gateway(worker.url, access=team({}, requests_per_min=2)) as running,
    ):
        url, body = running.url + "/v1/chat/completions", chat(stream=True)
        async with session.post(url, json=body, headers=bearer(ANA)) as response:
            assert limits(response.headers)["limit-requests"] == "2"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0s"), (0.0004, "0s"), (0.12, "120ms"), (1, "1s"), (8.64, "8.64s")),
        *((59.9996, "1m0s"), (360, "6m0s"), (61.5, "1m1.5s"), (3600, "1h0m0s"), (7325, "2h2m5s")),
    ],
)
def test_durations_are_as_go_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
