"""A real vLLM logs what the benchmarks' step clock reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.bench.load import stream_all
from tests.bench.step_clock import Step
from tests.vllm.engine import VllmServer

pytestmark = pytest.mark.vllm

LAST = 5


def logged(server: VllmServer, begin: int = 0) -> list[Step]:
    """The steps in a server's log from a position on."""
    with server.log.open(errors="replace") as log:
        log.seek(begin)
        return [step for line in log if (step := Step.parse(line)) is not None]


def test_vllm_logs_every_step_and_token(vllm_server: VllmServer) -> None:
    begin = vllm_server.log.stat().st_size
    body = {"messages": [{"role": "user", "content": "hello"}], "model": "tiny"}
    # The last request runs alone: at its end the steps of the others are in the log.
    bodies = [{**body, "vllm_xargs": {"target_tokens": tokens}} for tokens in (40, 60, LAST)]
    records = asyncio.run(stream_all(vllm_server.url, bodies[:2], [0.0, 0.0]))
    records += asyncio.run(stream_all(vllm_server.url, bodies[2:], [0.0]))
    steps = logged(vllm_server, begin)
    computed = sum(step.entered + step.decoding for step in steps)
    assert 100 < computed <= 100 + LAST
    assert sum(step.tokens - step.decoding for step in steps) == 0, "nothing was preempted"
    assert sum(step.prompt_tokens for step in steps) == sum(r.prompt_tokens for r in records)


def test_vllm_logs_tokens_computed_again_as_tokens_of_decoding_sequences(
    cramped_server: Callable[..., VllmServer],
) -> None:
    server = cramped_server()
    begin = server.log.stat().st_size
    before = server.metrics()["vllm:num_preemptions_total"]
    body = {"messages": [{"role": "user", "content": "hello"}], "model": "tiny"}
    bodies = [{**body, "vllm_xargs": {"target_tokens": 300}} for _ in range(12)]
    records = asyncio.run(stream_all(server.url, bodies, [0.0] * len(bodies)))
    preempted = server.metrics()["vllm:num_preemptions_total"] - before
    steps = logged(server, begin)
    assert preempted > 0, "twelve answers of three blocks each do not fit"
    again = [step.tokens - step.decoding for step in steps if step.tokens > step.decoding]
    assert 0 < len(again) <= preempted, "some may return together, or be preempted again"
    assert min(again) > 100, "whole contexts"
    assert sum(step.entered for step in steps) == len(records)
