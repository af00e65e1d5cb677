"""The hook for LiteLLM, in the real package (an environment of its own, `tests/bench/peers.py`)."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from typing import Any

import pytest

from gateway.config.scheduling import Slo
from gateway.hints.app import create_hints_app
from gateway.hints.hints import Hints
from gateway.metrics import Metrics
from predictor import LengthPredictor
from predictor.inference.tiered import TieredPredictor
from tests.bench.peers import PEERS
from tests.deploy.paths import DEPLOY
from tests.gateway.harness import chat, listening

PROGRAM = """
import asyncio, json, sys
from litellm_hook import LengthHints
from litellm.integrations.custom_logger import CustomLogger

async def main():
    hook = LengthHints(sys.argv[1], 20.0)
    assert isinstance(hook, CustomLogger)
    for call_type, data in json.loads(sys.argv[2]):
        print(json.dumps(await hook.async_pre_call_hook(None, None, data, call_type)))

asyncio.run(main())
"""


@pytest.mark.timeout(150)  # LiteLLM takes long to import
async def test_litellm_gets_priority_and_hint_and_no_error_without_the_service() -> None:
    (litellm,) = [peer for peer in PEERS if peer.package == "litellm"]
    python = litellm.folder / "venv/bin/python"
    if not python.exists():
        pytest.skip("LiteLLM is not installed: python -m tests.bench.peers")
    own = {**chat("m"), "priority": 3, "metadata": {"a": 1}}
    calls = [("acompletion", chat("m")), ("acompletion", own), ("aembedding", {"input": "x"})]
    hints = Hints(TieredPredictor(LengthPredictor.load()), Metrics(Slo()), 10_000.0)

    async def asked(url: str) -> list[dict[str, Any]]:
        process = await asyncio.create_subprocess_exec(
            *(python, "-c", PROGRAM, url, json.dumps(calls)),
            cwd=DEPLOY / "hints",
            stdout=PIPE,
            stderr=PIPE,
        )
        out, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()[-2000:]
        return [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")]

    async with listening(create_hints_app(hints)) as url:
        plain, given, other = await asked(url + "/v1/forecasts")
    assert plain["priority"] == round(plain["metadata"]["lengthwise"]["mean"])
    assert (given["priority"], given["metadata"]["a"]) == (3, 1)
    assert given["metadata"]["lengthwise"]["tier"] == "fast"
    assert other == calls[2][1]
    assert await asked(url + "/v1/forecasts") == [one for _, one in calls]
