"""What the step clock of the benchmarks goes by, asked of a real vLLM."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench.load import stream_all
from tests.bench.step_clock import Account
from tests.vllm.engine import VllmServer

pytestmark = pytest.mark.vllm


def test_vllm_accounts_for_every_step_and_token(vllm_server: VllmServer) -> None:
    before = Account.of(vllm_server.metrics(), capacity=1000.0)
    body = {"messages": [{"role": "user", "content": "hello"}], "model": "tiny"}
    bodies = [{**body, "vllm_xargs": {"target_tokens": tokens}} for tokens in (40, 60)]
    records = asyncio.run(stream_all(vllm_server.url, bodies, [0.0, 0.0]))
    now = Account.of(vllm_server.metrics(), capacity=1000.0)
    assert now.written - before.written == 100
    assert now.computed - before.computed == sum(record.prompt_tokens for record in records)
    assert now.entered - before.entered == 2
    assert 60 <= now.steps - before.steps <= 70
    assert (now.running, now.preempted) == (0, before.preempted)
