"""Better forecasts for what waits: they move it in the queue, and cost nobody anything."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from threading import Event
from time import monotonic
from typing import Any

import aiohttp
import numpy as np
import pytest

from gateway.emulator import EmbeddedEmulator
from gateway.forecasting.forecaster import REFINED_BATCH
from gateway.requests import refine
from predictor import Prompt
from predictor.fast.predictor import LengthPredictor
from predictor.inference.tiered import TieredPredictor
from predictor.raw_forecast import RawForecasts
from tests.gateway.harness import Gateway, forced, gateway, post, until
from tests.gateway.requests.test_place_comments import busy

SETTINGS: dict[str, Any] = {
    "worker": {"max_num_seqs": 1},
    "scheduling": {"policy": "sejf", "engine_queue": 0},
}
GENEROUS: dict[str, Any] = {"budget_ms": 10_000, "refine_budget_ms": 30_000}


class Knowing:
    """Reads the answer's length off the prompt: what the fast tier takes for all alike."""

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        known = np.log([float(prompt.text.split()[1]) for prompt in prompts])
        return replace(fast, location=known, scale=np.full(len(known), 0.01))


class Contrary:
    """Takes for long what is short to the fast tier, and the other way round."""

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        known = np.log([10_000 / float(prompt.text.split()[1]) for prompt in prompts])
        return replace(fast, location=known, scale=np.full(len(known), 0.01))


class Stalled:
    """Never answers before it is let go."""

    def __init__(self) -> None:
        self.release = Event()

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        del prompts
        self.release.wait()
        return fast


class Held(Knowing):
    """Notes what it is given, and works on none of it before it is let go."""

    def __init__(self) -> None:
        self.release = Event()
        self.given: list[str] = []

    def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
        self.given += [prompt.text for prompt in prompts]
        self.release.wait()
        return super().refine(prompts, fast)


def _body(tokens: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"Write {tokens} words."}]
    return {"model": "emulated", "messages": messages, "vllm_xargs": forced(tokens)}


async def _queue(
    running: Gateway, session: aiohttp.ClientSession, sizes: list[int]
) -> tuple[list[asyncio.Task[None]], list[int]]:
    """Requests that wait behind a long one, and the list that their sizes join as they end."""
    done: list[int] = []

    async def ask(tokens: int) -> None:
        assert (await post(session, running.url, _body(tokens)))[0] == 200
        done.append(tokens)

    tasks = [asyncio.create_task(ask(2500))]
    await until(lambda: running.in_flight == 1, "the worker is busy")
    tasks += [asyncio.create_task(ask(tokens)) for tokens in sizes]
    await until(lambda: running.scheduler.waiting == len(sizes), "they wait")
    return tasks, done


def test_many_refined_at_once_keep_their_own_forecasts() -> None:
    tiered = TieredPredictor(LengthPredictor.load(), Knowing())
    sizes = [70, 900, 30, 500, 20, 400, 60, 800, 10, 300, 50]
    prompts = [Prompt("emulated", f"Write {tokens} words.") for tokens in sizes]
    refined = tiered.refine(tiered.predict(prompts))
    assert [one.prompt for one in refined] == prompts
    assert {one.tier for one in refined} == {"refined"}
    found = [one.length.quantile(0.5) for one in refined]
    np.testing.assert_allclose(found, sizes, rtol=0.1)


async def test_what_waits_is_ordered_by_the_refined_forecast(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    tiered = TieredPredictor(LengthPredictor.load(), Knowing())
    async with gateway(emulator.url, tiered=tiered, predictor=GENEROUS, **SETTINGS) as running:
        tasks, done = await _queue(running, session, [60, 7, 30, 12])
        await until(
            lambda: running.metric("refinements_total", result="done") == 4, "all four are refined"
        )
        await asyncio.gather(*tasks)
        assert done[1:] == [7, 12, 30, 60]
        assert running.metric("refine_seconds_count") == 4


async def test_a_request_that_is_served_at_once_is_not_refined(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    tiered = TieredPredictor(LengthPredictor.load(), Stalled())
    async with gateway(emulator.url, tiered=tiered, predictor=GENEROUS, **SETTINGS) as running:
        assert (await post(session, running.url, _body(3)))[0] == 200
        assert running.metric("refinements_total") == 0


async def test_a_refined_tier_that_stalls_keeps_nobody_waiting(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    stalled = Stalled()
    tiered = TieredPredictor(LengthPredictor.load(), stalled)
    budgets = GENEROUS | {"refine_budget_ms": 50}
    async with gateway(emulator.url, tiered=tiered, predictor=budgets, **SETTINGS) as running:
        tasks, done = await _queue(running, session, [5, 6, 7])
        await asyncio.gather(*tasks)
        assert sorted(done[1:]) == [5, 6, 7]
        assert running.metric("refinements_total", result="late") >= 1
        assert running.metric("refinements_total", result="done") == 0
        stalled.release.set()


async def test_a_refined_tier_that_fails_is_counted_and_the_fast_forecast_stands(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    class Failing:
        def refine(self, prompts: Sequence[Prompt], fast: RawForecasts) -> RawForecasts:
            raise ZeroDivisionError("a fault of the refined tier")

    tiered = TieredPredictor(LengthPredictor.load(), Failing())
    async with gateway(emulator.url, tiered=tiered, predictor=GENEROUS, **SETTINGS) as running:
        tasks, _ = await _queue(running, session, [5, 6])
        await asyncio.gather(*tasks)
        assert running.metric("refinements_total", result="failed") == 2


async def test_a_refused_request_is_told_the_place_of_its_refined_forecast(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "TOLD_SHARE", math.inf)
    monkeypatch.setattr(refine, "TOLD_S", 30.0)
    tiered = TieredPredictor(LengthPredictor.load(), Contrary())
    bounded = {"tiered": tiered, "queue": {"max_waiting": 8}, "predictor": GENEROUS}
    async with busy(session, 8, _body(20), policy="sept", **bounded) as (running, _, _):
        await until(
            lambda: running.metric("refinements_total", result="done") == 8, "all are refined"
        )
        told = {}
        for tokens in (5, 2000):
            url = running.url + "/v1/chat/completions"
            async with session.post(url, json=_body(tokens)) as response:
                assert response.status == 429
                told[tokens] = int(response.headers["Retry-After"])
        assert told[5] > 2 * told[2000]


async def test_a_refused_request_is_refined_before_those_that_wait(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "TOLD_S", 30.0)
    held = Held()
    tiered = TieredPredictor(LengthPredictor.load(), held)
    bounded = SETTINGS | {"queue": {"max_waiting": 40}, "predictor": GENEROUS}
    async with gateway(emulator.url, tiered=tiered, **bounded) as running:
        tasks, _ = await _queue(running, session, list(range(100, 140)))
        refused = asyncio.create_task(post(session, running.url, _body(5)))
        await until(lambda: running.metric("prediction_seconds_count") == 42, "it has a forecast")
        held.release.set()
        assert (await refused)[0] == 429
        await until(lambda: len(held.given) == 41, "all are refined")
        assert held.given.index("Write 5 words.") < 40 - REFINED_BATCH
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_waiting_for_a_busy_tier_takes_nothing_of_the_share_of_refused_requests(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "TOLD_SHARE", 0.1)
    monkeypatch.setattr(refine, "TOLD_S", 30.0)
    held = Held()
    tiered = TieredPredictor(LengthPredictor.load(), held)
    bounded = SETTINGS | {"queue": {"max_waiting": 1}, "predictor": GENEROUS}
    async with gateway(emulator.url, tiered=tiered, **bounded) as running:
        tasks, _ = await _queue(running, session, [300])
        begun = monotonic()
        refused = asyncio.create_task(post(session, running.url, _body(5)))
        long_s = 5 * refine.EACH_S / refine.TOLD_SHARE
        await until(lambda: monotonic() > begun + long_s, "it has waited for long")
        held.release.set()
        assert (await refused)[0] == (await post(session, running.url, _body(6)))[0] == 429
        assert held.given.count("Write 6 words.") == 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_refused_requests_have_little_of_the_refined_tier(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine, "TOLD_SHARE", 1e-9)
    monkeypatch.setattr(refine, "TOLD_S", 30.0)
    tiered = TieredPredictor(LengthPredictor.load(), Knowing())
    bounded = SETTINGS | {"queue": {"max_waiting": 1}, "predictor": GENEROUS}
    async with gateway(emulator.url, tiered=tiered, **bounded) as running:
        tasks, _ = await _queue(running, session, [300])
        await until(lambda: running.metric("refinements_total", result="done") == 1, "it is")
        for _ in range(20):  # in some no millisecond, the unit of uvloop's clock, ends
            assert (await post(session, running.url, _body(5)))[0] == 429
        assert running.metric("refinements_total", result="done") == 2
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
