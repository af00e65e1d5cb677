"""Served traffic refits the predictor while it serves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.config.scheduling import Slo
from gateway.config.settings import Config
from gateway.emulator import EmbeddedEmulator
from gateway.forecasting.refits import Refits
from gateway.metrics import Metrics
from predictor.fast.predictor import LengthPredictor
from predictor.refit.refit import refit
from tests.gateway.harness import chat, forced, gateway, post, until

REFIT_S = 150.0
"""Patience with refits, in seconds: their process yields to everything else on the machine."""

pytestmark = pytest.mark.timeout(4 * REFIT_S)


async def test_traffic_that_the_model_gets_wrong_leads_to_a_better_one_that_is_taken_up(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    settings: dict[str, Any] = {
        "learning": {"folder": tmp_path, "refit_s": 1.0},
        "predictor": {"budget_ms": 10_000, "reload_s": 0.1},
    }
    bodies = [
        chat(messages=[{"role": "user", "content": f"Tell of {n}."}], vllm_xargs=forced(31))
        for n in range(30)
    ]
    async with gateway(emulator.url, model=LengthPredictor.load(), **settings) as running:
        for _ in range(10):
            asked = (post(session, running.url, body) for body in bodies)
            replies = await asyncio.gather(*asked)
            assert {status for status, _ in replies} == {200}
        taken_up = lambda: running.metric("predictor_reloads_total", result="ok") == 1  # noqa: E731
        await until(taken_up, "it is taken up", REFIT_S)
        promoted = lambda: running.metric("refits_total", result="promoted") == 1  # noqa: E731
        await until(promoted, "the refit has ended", REFIT_S)
        assert running.metric("refits_total", result="failed") == 0
        assert (await post(session, running.url, bodies[0]))[0] == 200
    assert (tmp_path / "models" / "current" / "manifest.json").is_file()


async def test_one_prompt_again_and_again_is_no_reason_to_refit(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    body = chat(vllm_xargs=forced(2))
    async with gateway(
        emulator.url,
        model=LengthPredictor.load(),
        learning={"folder": tmp_path},
        predictor={"budget_ms": 10_000},
    ) as running:
        await asyncio.gather(*(post(session, running.url, body) for _ in range(220)))
    outcome = await asyncio.to_thread(refit, tmp_path / "served", tmp_path / "models")
    assert outcome.action == "waiting"
    assert "1 different prompts" in outcome.reason


async def test_a_refit_that_fails_is_counted_and_serving_goes_on(
    tmp_path: Path, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    (tmp_path / "models").write_text("a file where a folder should be")
    learning = {"folder": tmp_path, "refit_s": 0.05}
    async with gateway(emulator.url, learning=learning) as running:
        await until(
            lambda: running.metric("refits_total", result="failed") >= 1, "it fails", REFIT_S
        )
        body = chat(max_tokens=3, vllm_xargs=forced(3))
        assert (await post(session, running.url, body))[0] == 200


async def test_a_refit_has_a_time_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # The second refit begins long after the end of the test, which would cut its start short.
    config = Config.model_validate({"learning": {"folder": tmp_path, "refit_s": 0.5}})
    metrics = Metrics(Slo())
    watching = asyncio.create_task(Refits(config, metrics, limit_s=0.01).watch())
    failed = b'lengthwise_refits_total{result="failed"} 1.0'
    await until(lambda: failed in metrics.render(), "it has been ended")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert "a refit took longer than 0.01 s" in caplog.text
