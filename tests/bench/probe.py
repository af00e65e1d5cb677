"""How fast an engine is at the moment: the speed of a small machine drifts within minutes."""

from __future__ import annotations

import asyncio
from statistics import median

from tests.bench.burst import bodies
from tests.bench.load import stream_all

TOKENS = 64
_TIMES = 5


def probe(url: str) -> float:
    """Seconds in which the idle engine at ``url`` writes an answer of ``TOKENS`` tokens."""
    (body,) = bodies(1, 77, max_output=300)
    body = {**body, "vllm_xargs": {"target_tokens": TOKENS}}
    return median(asyncio.run(_seconds(url, body)) for _ in range(_TIMES))


async def _seconds(url: str, body: dict[str, object]) -> float:
    (record,) = await stream_all(url, [body], [0.0])
    assert record.e2e is not None, "the engine gave no answer"
    return record.e2e
