"""Refining: a waiting request gets a better forecast, and a new place in the queue."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext

from gateway.forecasting.forecaster import Forecaster
from gateway.requests.in_flight import InFlightRequest
from gateway.scheduling.dispatcher import Slot

_NOT_AT_ALL = nullcontext()


def refining(
    slot: Slot, forecaster: Forecaster, in_flight: InFlightRequest
) -> AbstractContextManager[None]:
    """Refine the forecast of a waiting job in the background for the length of a ``with`` block.

    A job that a worker takes at once needs no better forecast. The block ends when a worker takes
    the job or the client hangs up. The refined tier then skips the job unless its batch has begun.
    """
    if slot.decided or not forecaster.refines or not in_flight.forecast.predictions:
        return _NOT_AT_ALL
    return _Refining(asyncio.create_task(_refine(slot, forecaster, in_flight)))


class _Refining:
    """A task that ends with a block. A generator in its place would stay as long as the request."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task: asyncio.Task[None] | None = task
        task.add_done_callback(self._done)

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None


async def _refine(slot: Slot, forecaster: Forecaster, in_flight: InFlightRequest) -> None:
    better = await forecaster.refine(in_flight.forecast)
    if better is not None and not slot.decided:
        in_flight.forecast = better
        slot.reprice(better.length)
