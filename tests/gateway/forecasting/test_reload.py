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
import pytest

from gateway.config.settings import Config
from gateway.emulator import EmbeddedEmulator
from gateway.forecasting.reload import learned_layer, load_predictor
from predictor.adaptive import AdaptiveLayer, save_state
from predictor.artefact.format import read_manifest
from predictor.artefact.versions import artefact_id
from predictor.fast.predictor import DEFAULT, LengthPredictor
from predictor.inference.tiered import TieredPredictor
from tests.gateway.harness import PATIENCE_S, Gateway, chat, forced, gateway, post, until
from tests.predictor.damaged_models import damage

BUDGET: dict[str, Any] = {"budget_ms": 10_000, "refine": False}
"""Ample: the machine of a test may be busy. Trials of one tier take half the time."""

TRIAL_S = 2 * PATIENCE_S
"""Patience with trials of new models, each in a process of its own."""


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


async def test_a_model_that_would_crash_the_gateway_is_refused_and_the_present_one_stays(
    tmp_path: Path,
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = tmp_path / "model"
    shutil.copytree(DEFAULT, place)
    settings: dict[str, Any] = {**BUDGET, "path": place, "reload_s": 0.05}
    async with gateway(
        emulator.url, tiered=TieredPredictor.load(place, refine=False), predictor=settings
    ) as running:
        shutil.copytree(DEFAULT, tmp_path / "second")
        damage(tmp_path / "second", "scale", "left_child", "9" * 9)
        place.rename(tmp_path / "aside")
        (tmp_path / "second").rename(place)
        await until(lambda: _reloads(running, "refused") == 1, "it is refused", TRIAL_S)
        await _answers(running, session, 2)
        assert running.metric("prediction_fallbacks_total") == 0
    assert "crashes the process that loads it" in caplog.text


async def test_a_refitted_model_that_cannot_be_used_gives_way_to_the_one_that_ships(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = tmp_path / "models" / "versions" / "000002"
    shutil.copytree(DEFAULT, version)
    (tmp_path / "models" / "current").symlink_to(version)
    manifest = json.loads((version / "manifest.json").read_text())
    (version / "manifest.json").write_text(json.dumps({**manifest, "feature_hash": "of old"}))
    config = Config.model_validate({"learning": {"folder": tmp_path, "refit_s": 60}})
    predictor = await load_predictor(config, AdaptiveLayer())
    assert predictor is not None
    assert predictor.artefact_id == artefact_id(read_manifest(DEFAULT))
    assert "the refitted predictor is refused, the model that ships is used" in caplog.text


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
            await until(partial(_reloaded, running, swap), "the swap", TRIAL_S)
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
        await until(partial(_reloaded, running, 1), "the new model is taken up", TRIAL_S)
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
