"""Refining: a waiting request gets a better forecast, and a new place in the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.forecasting.forecaster import Forecaster
from gateway.requests.in_flight import InFlightRequest
from gateway.scheduling.dispatcher import Slot


@asynccontextmanager
async def refining(
    slot: Slot, forecaster: Forecaster, in_flight: InFlightRequest
) -> AsyncIterator[None]:
    """Refine the forecast of a waiting job in the background for the length of the block.

    A job that a worker takes at once needs no better forecast. The block ends when a worker takes
    the job or the client hangs up. The refined tier then skips the job unless its batch has begun.
    """
    if slot.decided or not forecaster.refines or not in_flight.forecast.predictions:
        yield
        return
    task = asyncio.create_task(_refine(slot, forecaster, in_flight))
    try:
        yield
    finally:
        task.cancel()


async def _refine(slot: Slot, forecaster: Forecaster, in_flight: InFlightRequest) -> None:
    better = await forecaster.refine(in_flight.forecast)
    if better is not None and not slot.decided:
        in_flight.forecast = better
        slot.reprice(better.length)
