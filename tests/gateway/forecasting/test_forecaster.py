"""Forecasts while the predictor works, fails, hangs or talks nonsense."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from threading import Event
from typing import Any, cast

import aiohttp
import numpy as np
import pytest

from gateway.config.forecasting import PredictorConfig
from gateway.config.scheduling import Slo
from gateway.emulator import EmbeddedEmulator
from gateway.forecasting.forecaster import Forecaster
from gateway.metrics import Metrics
from gateway.protocol.openai import ApiRequest, parse
from predictor import Prompt
from predictor.fast.predictor import LengthPredictor
from predictor.inference.tiered import Prediction, TieredPredictor
from predictor.raw_forecast import RawForecasts
from tests.gateway.harness import Gateway, chat, forced, gateway, post, until

BUDGET: dict[str, Any] = {"budget_ms": 10_000}
"""Ample: the machine of a test may be busy."""


class Raising(TieredPredictor):
    def predict(self, prompts: Sequence[Prompt]) -> list[Prediction]:
        raise ZeroDivisionError("a fault of the predictor")


class Short(TieredPredictor):
    def predict(self, prompts: Sequence[Prompt]) -> list[Prediction]:
        return super().predict(prompts)[1:]


class Nonsense(TieredPredictor):
    def predict(self, prompts: Sequence[Prompt]) -> list[Prediction]:
        return cast(list[Prediction], ["about 200"] * len(prompts))


class NotANumber(LengthPredictor):
    def raw_forecasts(self, prompts: Sequence[Prompt]) -> RawForecasts:
        raw_forecasts = super().raw_forecasts(prompts)
        raw_forecasts.location[:] = np.nan
        return raw_forecasts


class Hanging(TieredPredictor):
    release = Event()

    def predict(self, prompts: Sequence[Prompt]) -> list[Prediction]:
        self.release.wait()
        return super().predict(prompts)


class HangingRefinement(TieredPredictor):
    def __init__(self) -> None:
        super().__init__(LengthPredictor.load())
        self.release = Event()

    @property
    def refines(self) -> bool:
        return True

    def refine(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        self.release.wait()
        return list(predictions)


async def _answers(running: Gateway, session: aiohttp.ClientSession, count: int) -> None:
    body = chat(max_tokens=5, vllm_xargs=forced(5))
    replies = await asyncio.gather(*(post(session, running.url, body) for _ in range(count)))
    assert [status for status, _ in replies] == [200] * count


@pytest.mark.parametrize(
    "tiered",
    [
        Raising(LengthPredictor.load()),
        Short(LengthPredictor.load()),
        Nonsense(LengthPredictor.load()),
        TieredPredictor(NotANumber.load(None)),
    ],
    ids=["raises", "too few", "no distribution", "not a number"],
)
async def test_a_predictor_that_fails_costs_no_answer_and_is_counted(
    tiered: TieredPredictor, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url, tiered=tiered, predictor=BUDGET) as running:
        await _answers(running, session, 3)
        assert running.metric("prediction_fallbacks_total", reason="failed") == 3


async def test_a_predictor_that_hangs_costs_its_budget_once_and_serves_again_when_it_comes_back(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    hanging = Hanging(LengthPredictor.load())
    async with gateway(emulator.url, tiered=hanging, predictor={"budget_ms": 100}) as running:
        await _answers(running, session, 3)
        assert running.metric("prediction_fallbacks_total", reason="timeout") == 3
        hanging.release.set()
        forecaster = running.app.state.forecaster
        await until(lambda: not forecaster._fast.stuck(0), "the thread is free")
        await _answers(running, session, 1)
        assert running.metric("prediction_seconds_count") == 1


# Without an application


def forecaster(tiered: TieredPredictor | None = None) -> Forecaster:
    return Forecaster(tiered, Metrics(Slo()), PredictorConfig(budget_ms=10_000))


def asked(endpoint: str = "chat/completions", **fields: Any) -> tuple[ApiRequest, Prompt]:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **fields}
    request = parse(endpoint, "POST", "application/json", json.dumps(body).encode())
    return request, Prompt.from_request(request.fields)


@pytest.mark.parametrize("predictor", [True, False], ids=["with a predictor", "without"])
@pytest.mark.parametrize(
    ("fields", "room", "bound"),
    [({}, 90.0, 90.0), ({"max_tokens": 40}, 90.0, 40.0), ({"max_tokens": 40}, 10.0, 10.0)],
)
async def test_a_forecast_is_cut_at_the_token_limit_and_at_what_the_context_leaves(
    predictor: bool, fields: dict[str, Any], room: float, bound: float
) -> None:
    tiered = TieredPredictor(LengthPredictor.load()) if predictor else None
    forecast = await forecaster(tiered).forecast(*asked(**fields), room)
    assert forecast.bound == max(forecast.length.tokens) == bound
    assert forecast.tier == ("fast" if predictor else "recent")


async def test_a_refinement_that_hangs_collects_nothing_and_serves_again() -> None:
    hanging, metrics = HangingRefinement(), Metrics(Slo())
    settings = PredictorConfig(budget_ms=10_000, refine_budget_ms=20)
    forecaster = Forecaster(hanging, metrics, settings)
    forecast = await forecaster.forecast(*asked(), 1000.0)
    for _ in range(5):
        assert await forecaster.refine(forecast) is None
    assert len(forecaster._refined._coming) <= 1
    late = metrics.registry.get_sample_value("lengthwise_refinements_total", {"result": "late"})
    assert late == 5
    hanging.release.set()
    await until(lambda: not forecaster._refined.stuck(0), "the thread is free")
    forecaster.apply(PredictorConfig(refine_budget_ms=10_000))
    refined = await forecaster.refine(forecast)
    assert refined is not None
    assert refined.tier == "refined"


async def test_a_request_without_generated_text_has_one_token() -> None:
    forecast = await forecaster().forecast(*asked("embeddings"), 1000.0)
    assert (forecast.tier, forecast.length.mean) == ("none", 1.0)


async def test_a_cut_answer_is_no_answer_to_measure_forecasts_by() -> None:
    metrics = Metrics(Slo())
    learner = Forecaster(None, metrics, PredictorConfig())
    request, prompt = asked()
    forecast = await learner.forecast(request, prompt, 1000.0)
    labels = {"model": "m", "result": "outside"}
    name = "lengthwise_prediction_intervals_total"
    learner.learn(prompt, forecast, output_tokens=3000, censored=True)
    assert metrics.registry.get_sample_value(name, labels) is None
    learner.learn(prompt, forecast, output_tokens=3000, censored=False)
    assert metrics.registry.get_sample_value(name, labels) == 1
