"""Served traffic refits the predictor while it serves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from gateway.emulator import EmbeddedEmulator
from predictor.fast.predictor import LengthPredictor
from predictor.refit.refit import refit
from tests.gateway.harness import chat, forced, gateway, post, until


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
        await until(
            lambda: running.metric("predictor_reloads_total", result="ok") == 1, "it is taken up"
        )
        promoted = lambda: running.metric("refits_total", result="promoted") == 1  # noqa: E731
        await until(promoted, "the refit has ended")
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
        await until(lambda: running.metric("refits_total", result="failed") >= 1, "it fails")
        body = chat(max_tokens=3, vllm_xargs=forced(3))
        assert (await post(session, running.url, body))[0] == 200
