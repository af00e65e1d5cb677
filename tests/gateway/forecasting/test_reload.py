"""A new model in the place of the present one is taken up while the gateway serves."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from gateway.emulator import EmbeddedEmulator
from gateway.forecasting.reload import learned_layer
from predictor.adaptive import AdaptiveLayer, save_state
from predictor.fast.predictor import DEFAULT, LengthPredictor
from predictor.inference.tiered import TieredPredictor
from tests.gateway.harness import Gateway, chat, forced, gateway, post, until

BUDGET: dict[str, Any] = {"budget_ms": 10_000}
"""Ample: the machine of a test may be busy."""


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


async def test_what_was_learned_of_the_previous_models_errors_is_dropped(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    place = tmp_path / "model"
    shutil.copytree(DEFAULT, place)
    settings: dict[str, Any] = {**BUDGET, "path": place, "reload_s": 0.05}
    async with gateway(
        emulator.url, model=LengthPredictor.load(place), predictor=settings
    ) as running:
        recent = running.app.state.learned.adaptive.recent
        await _answers(running, session, 3)
        assert sum(answers.count for answers in recent.values()) == 3
        shutil.copytree(place, tmp_path / "next")
        _alter(tmp_path / "next")
        place.rename(tmp_path / "aside")
        (tmp_path / "next").rename(place)
        await until(partial(_reloaded, running, 1), "the new model is taken up")
        assert sum(answers.count for answers in recent.values()) == 0


def test_a_layer_that_a_refit_left_is_found_beside_its_version(tmp_path: Path) -> None:
    version = tmp_path / "versions" / "000002"
    version.mkdir(parents=True)
    (tmp_path / "current").symlink_to(version)
    assert learned_layer(tmp_path / "current") is None
    save_state(AdaptiveLayer(salt=b"x" * 16), tmp_path / "layer-000002.npz")
    found = learned_layer(tmp_path / "current")
    assert found is not None
    assert found.salt == b"x" * 16
    assert learned_layer(Path("/")) is None
    assert learned_layer(None) is None
