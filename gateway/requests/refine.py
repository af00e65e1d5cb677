"""Refining: a request that waits gets a better forecast, and its place in the queue follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.forecasting.forecaster import Forecaster
from gateway.requests.passage import Passage
from gateway.scheduling.dispatcher import Slot


@asynccontextmanager
async def refining(slot: Slot, forecaster: Forecaster, passage: Passage) -> AsyncIterator[None]:
    """Refine the forecast in the background for as long as the block lasts, if the job waits.

    A job that a worker takes at once needs no better forecast; one that is taken, or whose client
    hangs up, while it is being refined gives up its turn at the refined tier.
    """
    if slot.decided or not forecaster.refines or not passage.guess.predictions:
        yield
        return
    task = asyncio.create_task(_refine(slot, forecaster, passage))
    try:
        yield
    finally:
        task.cancel()


async def _refine(slot: Slot, forecaster: Forecaster, passage: Passage) -> None:
    better = await forecaster.refine(passage.guess)
    if better is not None and not slot.decided:
        passage.guess = better
        slot.reprice(better.length)
