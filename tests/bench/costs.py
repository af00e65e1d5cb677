"""The step costs of an engine under a benchmark, as ``lengthwise calibrate`` measures them."""

from __future__ import annotations

import asyncio

from gateway.calibrate.calibration import Calibration, calibrate
from gateway.calibrate.client import CalibrationClient
from gateway.calibrate.cost_model import CostModel
from gateway.calibrate.run import build_cost_model

_MAX_SEQUENCES = 16


def measured_costs(url: str, budget_s: float) -> CostModel:
    """The cost model of the server at ``url``, after about ``budget_s`` seconds of measuring."""
    return build_cost_model(asyncio.run(_calibration(url, budget_s)))


async def _calibration(url: str, budget_s: float) -> Calibration:
    # The benchmark's requests have their length forced by a logits processor, which takes time in
    # every step. The calibration's requests carry a target too, too high to be reached.
    target = {"vllm_xargs": {"target_tokens": 4000}}
    async with CalibrationClient(url, extra=target) as client:
        await client.identify()
        return await calibrate(client, _MAX_SEQUENCES, budget_s, lambda done, total: None)
