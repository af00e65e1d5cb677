"""What a step of the engine under a benchmark costs, as `lengthwise calibrate` finds it."""

from __future__ import annotations

import asyncio

from gateway.calibrate.cost_model import CostModel
from gateway.calibrate.plan import Calibration, calibrate
from gateway.calibrate.run import cost_model
from gateway.calibrate.server import Server

_MOST_SEQUENCES = 16


def measured_costs(url: str, budget_s: float) -> CostModel:
    """The cost model of the server at ``url``, after some ``budget_s`` seconds of measuring."""
    return cost_model(asyncio.run(_calibration(url, budget_s)))


async def _calibration(url: str, budget_s: float) -> Calibration:
    # The requests' lengths are forced by a logits processor, which takes time in every step: those
    # of the calibration carry a target that they do not live to reach.
    async with Server(url, extra={"vllm_xargs": {"target_tokens": 4000}}) as server:
        await server.identify()
        return await calibrate(server, _MOST_SEQUENCES, budget_s, lambda done, total: None)
