"""What the step clock of the benchmarks goes by, read from a real vLLM's log."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench.load import stream_all
from tests.bench.step_clock import Step
from tests.vllm.engine import VllmServer

pytestmark = pytest.mark.vllm

LAST = 5


def test_vllm_logs_every_step_and_token(vllm_server: VllmServer) -> None:
    read = vllm_server.log.stat().st_size
    body = {"messages": [{"role": "user", "content": "hello"}], "model": "tiny"}
    # The last comes alone: by its end, the steps of the others are in the log.
    bodies = [{**body, "vllm_xargs": {"target_tokens": tokens}} for tokens in (40, 60, LAST)]
    records = asyncio.run(stream_all(vllm_server.url, bodies[:2], [0.0, 0.0]))
    records += asyncio.run(stream_all(vllm_server.url, bodies[2:], [0.0]))
    with vllm_server.log.open(errors="replace") as log:
        log.seek(read)
        steps = [step for line in log if (step := Step.of(line)) is not None]
    written = sum(step.entered + step.writing for step in steps)
    assert 100 < written <= 100 + LAST
    assert sum(step.tokens - step.writing for step in steps) == 0, "nothing was preempted"
    assert sum(step.prompt_tokens for step in steps) == sum(r.prompt_tokens for r in records)
