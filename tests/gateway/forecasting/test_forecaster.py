"""Forecasts while the predictor fails, hangs, talks nonsense, or is replaced."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, cast

import aiohttp
import numpy as np
import pytest

from gateway.emulator import EmbeddedEmulator
from predictor import Prompt
from predictor.fast.predictor import DEFAULT, LengthPredictor
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


async def _answers(running: Gateway, session: aiohttp.ClientSession, count: int) -> None:
    body = chat(max_tokens=5, vllm_xargs=forced(5))
    replies = await asyncio.gather(*(post(session, running.url, body) for _ in range(count)))
    assert [status for status, _ in replies] == [200] * count


def _reloads(running: Gateway, result: str) -> float:
    return running.metric("predictor_reloads_total", result=result)


def _reloaded(running: Gateway, times: int) -> bool:
    return _reloads(running, "ok") == times


def _alter(model: Path) -> None:
    """Another model card: the model forecasts as before, but it is another one."""
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "README.md").write_text("another card")
    manifest["files"]["README.md"] = hashlib.sha256(b"another card").hexdigest()
    (model / "manifest.json").write_text(json.dumps(manifest))


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


async def test_a_model_put_in_place_is_taken_up_and_a_broken_one_is_not(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    place = tmp_path / "model"
    settings: dict[str, Any] = {**BUDGET, "path": place, "reload_s": 0.05}
    async with gateway(emulator.url, predictor=settings) as running:
        assert running.metric("predictor_loaded") == 0
        shutil.copytree(DEFAULT, tmp_path / "first")
        (tmp_path / "first").rename(place)
        await until(lambda: running.metric("predictor_loaded") == 1, "the model is taken up")

        shutil.copytree(DEFAULT, tmp_path / "second")
        (tmp_path / "second" / "arrays.npz").write_bytes(b"half a fi")
        place.rename(tmp_path / "aside")
        (tmp_path / "second").rename(place)
        await until(lambda: _reloads(running, "refused") == 1, "the broken one is refused")
        await _answers(running, session, 2)
        assert running.metric("prediction_seconds_count") == 2


async def test_requests_are_answered_while_models_are_swapped(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    place = tmp_path / "current"
    versions = [tmp_path / "1", tmp_path / "2"]
    for version in versions:
        shutil.copytree(DEFAULT, version)
    _alter(versions[1])
    place.symlink_to(versions[0])
    settings: dict[str, Any] = {**BUDGET, "path": place, "reload_s": 0.05}
    async with gateway(
        emulator.url, tiered=TieredPredictor.load(place), predictor=settings
    ) as running:
        for swap in range(1, 4):
            (tmp_path / "next").symlink_to(versions[swap % 2])
            (tmp_path / "next").rename(place)
            await _answers(running, session, 5)
            await until(partial(_reloaded, running, swap), "the swap")
        assert running.metric("prediction_fallbacks_total") == 0
        assert running.metric("prediction_seconds_count") == 15
