"""Metrics of the predictor in use, its drift and its last refit."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.config.scheduling import Slo
from gateway.config.settings import Config
from gateway.emulator import EmbeddedEmulator
from gateway.forecasting.refits import LastRefit, Refits
from gateway.metrics import Metrics
from gateway.telemetry.process import own_version
from predictor.fast.predictor import LengthPredictor
from tests.gateway.harness import chat, forced, gateway, post


async def test_a_gateway_shows_its_predictor_its_answers_and_its_process(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    predictor = {"budget_ms": 10_000}
    async with gateway(emulator.url, model=LengthPredictor.load(), predictor=predictor) as running:
        await post(session, running.url, chat(vllm_xargs=forced(7)))
        await post(session, running.url, chat(max_tokens=3, vllm_xargs=forced(50)))  # cut
        async with session.get(f"{running.url}/metrics") as answer:
            text = await answer.text()
        forecaster = running.app.state.forecaster
    model = '{kind="plain",model="emulated"}'
    assert f'predictor_info{{artefact="{forecaster.artefact_id}",refines="false"}} 1.0' in text
    assert re.search(r"lengthwise_predictor_created_timestamp_seconds 1\.\d+e\+09", text)
    assert _of(text, "lengthwise_forecast_scored_total") == {model: 1.0}
    assert _of(text, "lengthwise_forecasts_total")['{tier="fast"}'] == 2.0
    assert _of(text, "lengthwise_predictor_drifts_total") == {'{model="emulated",tier="fast"}': 0.0}
    assert 'lengthwise_build_info{python_version="' in text
    assert f'version="{own_version()}"}} 1.0' in text
    assert "process_resident_memory_bytes" in text


def _of(text: str, name: str) -> dict[str, float]:
    """Value by labels, in the order of their names, of one metric."""
    found = re.findall(rf"^{name}\{{(.*)\}} (\S+)$", text, re.MULTILINE)
    return {
        "{" + ",".join(sorted(re.findall(r'\w+="[^"]*"', labels))) + "}": float(value)
        for labels, value in found
    }


@pytest.mark.parametrize(
    ("events", "last"),
    [
        ([], None),
        ([{"action": "promote", "who": "refit", "base": True, "reason": "trained offline"}], None),
        (
            [
                {"action": "keep", "who": "refit", "reason": "no better"},
                {"action": "rollback", "who": "operator", "reason": "by hand"},
            ],
            ("kept", "no better"),
        ),
    ],
    ids=["none", "only the first model", "a refit, then an operator"],
)
def test_the_last_refit_is_known_after_a_restart(
    tmp_path: Path, events: list[dict[str, Any]], last: tuple[str, str] | None
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    when = datetime(2026, 11, 30, tzinfo=UTC)
    lines = [json.dumps({"when": when.isoformat(), "version": "000001", **e}) for e in events]
    (models / "history.jsonl").write_text("\n".join(lines))
    config = Config.model_validate({"learning": {"folder": tmp_path}})
    known = Refits(config, Metrics(Slo())).last
    assert known == (None if last is None else LastRefit(*last, when.timestamp()))
