"""The gateway, its clients and a real vLLM count the same requests and tokens."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench import exact_counters
from tests.gateway.harness import gateway
from tests.vllm.engine import VllmServer

pytestmark = pytest.mark.vllm


def test_three_parties_count_the_same(vllm_server: VllmServer) -> None:
    async def counted() -> None:
        async with gateway(vllm_server.url) as running:
            found = await exact_counters.compare(vllm_server.url, running.url, 300)
        assert exact_counters.agree(found), found
        assert found["clients"]["ok"] > 250, "hardly any request was answered"
        assert found["clients"]["refused"], "no request was refused"

    asyncio.run(counted())
