"""Forecasts for others: over HTTP, over gRPC, and what is refused."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from grpclib import GRPCError
from grpclib.client import Channel, UnaryUnaryMethod

from gateway.config.listen import Tls
from gateway.config.scheduling import Slo
from gateway.hints.app import create_hints_app
from gateway.hints.grpc import PATH, ForecastReply, ForecastRequest, HintsService
from gateway.hints.hints import MOST_BYTES, MOST_REQUESTS, Hints
from gateway.metrics import Metrics
from gateway.picker.listening import end, grpc_listening
from gateway.protocol.listener import bound_sockets
from predictor import LengthPredictor, Prompt
from predictor.inference.tiered import Prediction, TieredPredictor
from tests.gateway.harness import PATIENCE_S, chat, listening

PLENTY_MS = 10_000.0


@pytest.fixture(scope="module")
def predictor() -> TieredPredictor:
    return TieredPredictor(LengthPredictor.load())


@asynccontextmanager
async def serving(hints: Hints) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    async with listening(create_hints_app(hints)) as url, aiohttp.ClientSession() as session:
        yield session, url


def hints_of(predictor: TieredPredictor | None, budget_ms: float = PLENTY_MS) -> Hints:
    return Hints(predictor, Metrics(Slo()), budget_ms)


async def _asked(url: str, session: aiohttp.ClientSession, body: Any) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with session.post(url + "/v1/forecasts", data=BytesIO(data)) as response:
        return response.status, await response.json()


async def test_one_request_gets_quantiles_and_many_get_a_list(predictor: TieredPredictor) -> None:
    async with serving(hints_of(predictor)) as (session, url):
        status, one = await _asked(url, session, chat("m"))
        assert status == 200
        values = list(one["quantiles"].values())
        assert list(one["quantiles"]) == ["0.1", "0.5", "0.8", "0.9", "0.95"]
        assert values == sorted(values)
        assert (one["tier"], type(one["unfamiliar"])) == ("fast", bool)
        bodies = [
            chat("m", max_tokens=7),
            {"model": "m", "prompt": "Hi"},
            {"model": "m", "input": "Hi"},
        ]
        status, many = await _asked(url, session, {"requests": bodies})
        assert status == 200
        assert [len(many["forecasts"]), many["forecasts"][0]["quantiles"]["0.95"]] == [3, 7]
        async with session.get(url + "/metrics") as response:
            assert "lengthwise_prediction_seconds_count" in await response.text()


async def test_what_is_unlike_the_training_data_is_told(predictor: TieredPredictor) -> None:
    odd = chat("m", messages=[{"role": "user", "content": "\u1200\u1201\u1202 \u0e01\u0e02 " * 40}])
    usual = "What are the main causes of the French revolution? Answer in three paragraphs."
    plain = chat("m", messages=[{"role": "user", "content": usual}])
    ordinary, unlike = await hints_of(predictor).of([plain, odd])
    assert (ordinary.unfamiliar, unlike.unfamiliar) == (False, True)


@pytest.mark.parametrize(
    ("body", "status", "fault"),
    [
        (b"{", 400, "not JSON"),
        ({"requests": []}, 400, "requests is empty"),
        ({"requests": {}}, 400, "requests is no list"),
        ({"requests": [[]]}, 400, "requests[0] is no object"),
        ([], 400, "The body is no object"),
        ({"model": "m"}, 400, "The body has none of messages, prompt and input"),
        ({"prompt": "x", "model": 3}, 400, "model is 3; give the model's name"),
        (b'{"model": "m", "prompt": "x", "max_tokens": %s}' % (b"9" * 6000), 400, "4300 digits"),
        (b"[" * 60_000, 400, "The body is nested too deeply"),
        (b'"\xff"', 400, "The body is not JSON"),
        ({"requests": [{"model": "m"}]}, 400, "requests[0] has none of messages, prompt and input"),
        ({"requests": [{"prompt": "x"}]}, 400, "requests[0].model is null"),
        ({"requests": [chat("m")] * (MOST_REQUESTS + 1)}, 413, f"at most {MOST_REQUESTS}"),
        (b" " * (MOST_BYTES + 1), 413, f"at most {MOST_BYTES}"),
    ],
)
async def test_what_cannot_be_forecast_is_refused_with_the_remedy(
    predictor: TieredPredictor, body: Any, status: int, fault: str
) -> None:
    async with serving(hints_of(predictor)) as (session, url):
        told, answer = await _asked(url, session, body)
        assert told == status
        message, field = answer["error"]["message"], answer["error"]["param"]
        assert fault in message
        assert message.startswith("The body" if field is None else field)
        assert "set_int_max" not in message
        assert "recursion" not in message


async def test_a_body_of_a_number_that_has_almost_too_many_digits_is_forecast(
    predictor: TieredPredictor,
) -> None:
    (hint,) = await hints_of(predictor).of([chat("m", max_tokens=10**4000)])
    assert hint.tier == "fast"


class _Counting(TieredPredictor):
    """A predictor that keeps the sizes of its batches."""

    batches: list[int]

    def predict(self, prompts: Sequence[Prompt]) -> list[Prediction]:
        self.batches.append(len(prompts))
        return super().predict(prompts)


async def test_it_is_ready_after_the_first_forecasts_which_nobody_asked_for(
    predictor: TieredPredictor,
) -> None:
    counting = _Counting(predictor.model)
    counting.batches = []
    hints = hints_of(counting, budget_ms=5.0)
    async with serving(hints) as (session, url):
        async with session.get(url + "/ready") as response:
            assert response.status == 503
        await hints.warm()
        assert len(counting.batches) > 10
        assert max(counting.batches) > 1
        async with session.get(url + "/ready") as response:
            assert response.status == 200
        async with session.get(url + "/metrics") as response:
            assert "lengthwise_prediction_seconds_count 0.0" in await response.text()


async def _endless(sent: list[int]) -> AsyncIterator[bytes]:
    """A body that goes on until the connection ends, after more than may come."""
    part = b" " * 2**20
    while True:
        sent.append(len(part))
        yield part
        if sum(sent) > 2 * MOST_BYTES:
            await asyncio.Event().wait()


async def test_no_more_of_a_body_is_read_than_may_come(predictor: TieredPredictor) -> None:
    sent: list[int] = []
    async with (
        serving(hints_of(predictor)) as (session, url),
        asyncio.timeout(PATIENCE_S),
        session.post(url + "/v1/forecasts", data=_endless(sent)) as response,
    ):
        assert response.status == 413


@pytest.mark.parametrize("field", ["messages", "prompt", "input"])
async def test_the_text_of_each_api_is_read(predictor: TieredPredictor, field: str) -> None:
    texts = ("Reply with yes or no.", "Write a long and detailed essay about the history of Rome.")
    short, long = await hints_of(predictor).of([_with_text(field, text) for text in texts])
    assert long.mean > 2 * short.mean


def _with_text(field: str, text: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    return {"model": "m", field: messages if field == "messages" else text}


class _Stuck(TieredPredictor):
    """A predictor that forecasts once it is let go."""

    go = threading.Event()

    def predict(self, prompts: Sequence[Prompt]) -> list[Prediction]:
        self.go.wait(PATIENCE_S)
        return super().predict(prompts)


async def test_a_late_predictor_costs_no_more_than_the_budget(
    predictor: TieredPredictor, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = _Stuck(predictor.model)
    hints = hints_of(stuck, budget_ms=5.0)
    try:
        async with asyncio.timeout(5):  # far above the budget, as the machine may be busy
            first, second = await hints.of([chat("m"), chat("m", max_tokens=9)])
        assert (first.tier, second.tier, second.quantiles[-1]) == ("recent", "recent", 9)
        assert "the predictor was late (took longer than 5 ms)" in caplog.text
        assert "failed" not in caplog.text
    finally:
        stuck.go.set()


async def test_a_predictor_that_keeps_within_the_budget_is_waited_for(
    predictor: TieredPredictor,
) -> None:
    slow = _Stuck(predictor.model)
    slow.go = threading.Event()
    asyncio.get_running_loop().call_later(0.5, slow.go.set)
    (hint,) = await hints_of(slow).of([chat("m")])
    assert hint.tier == "fast"


async def test_without_a_predictor_it_is_not_ready() -> None:
    hints = hints_of(None)
    await hints.warm()
    async with serving(hints) as (session, url):
        async with session.get(url + "/ready") as response:
            assert response.status == 503
        _, one = await _asked(url, session, chat("m"))
        assert one["tier"] == "recent"


async def test_grpc_gives_the_same(predictor: TieredPredictor) -> None:
    hints, sockets = hints_of(predictor), bound_sockets("127.0.0.1", 0)
    servers = await grpc_listening([HintsService(hints)], sockets, Tls())
    try:
        async with Channel("127.0.0.1", sockets[0].getsockname()[1]) as channel:
            call = UnaryUnaryMethod(channel, PATH, ForecastRequest, ForecastReply)
            bodies = [json.dumps(chat("m")).encode()] * 2
            reply = await call(ForecastRequest(requests=bodies))
            (expected,) = await hints.of([chat("m")])
            for one in reply.forecasts:  # the size of a batch changes the last digits
                assert tuple(one.quantiles) == pytest.approx(expected.quantiles, rel=1e-4)
            assert reply.forecasts[0].mean == pytest.approx(expected.mean, rel=1e-3)
            assert reply.forecasts[0].tier == "fast"
            with pytest.raises(GRPCError, match="not JSON"):
                await call(ForecastRequest(requests=[b"{"]))
            with pytest.raises(GRPCError, match="at most"):
                await call(ForecastRequest(requests=[b" " * (MOST_BYTES // 2 + 1)] * 2))
    finally:
        await end(servers)


async def test_the_command_serves_both(tmp_path: Any) -> None:
    words = ("predict", "--serve", "--port", "0", "--grpc-port", "0", "--budget-ms", "9000")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", *words), stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            grpc, http = [(await process.stdout.readline()).decode().split()[-1] for _ in range(2)]
        assert grpc.startswith("grpc://127.0.0.1:")
        async with aiohttp.ClientSession() as session:
            status, one = await _asked(http, session, chat("m"))
            async with session.get(http + "/ready") as response:
                assert response.status == 200
        assert (status, one["tier"]) == (200, "fast")
        process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
