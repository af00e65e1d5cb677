"""Refining: a waiting request gets a better forecast, and a new place in the queue."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import AbstractContextManager, nullcontext

from gateway.forecasting.forecaster import Forecaster
from gateway.requests.in_flight import InFlightRequest
from gateway.scheduling.dispatcher import Slot

_NOT_AT_ALL = nullcontext()

TOLD_S = 0.5
"""Seconds for which a refused request waits for the better forecast. The tier needs 0.1 s for a
batch of those that wait, more on a busy machine, and 0.2 s for ``TOLD_AT_ONCE``."""

TOLD_SHARE = 0.1
"""Part of the tier's time that refused requests may have: those that wait need the tier more."""

EACH_S = 0.01
"""Seconds of the tier that a refused request takes, about."""

TOLD_AT_ONCE = 32
"""Refused requests that are refined at once."""


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


class RefusedForecasts:
    """Better forecasts for refused requests, which are told when they would have started.

    Had it waited, the refined tier would have moved such a request among others that it has moved.
    Just after a burst the tier has hundreds to refine, which the refused ones go before.
    While requests are refused faster than the tier may work for them, the fast forecast has to do.
    """

    def __init__(self) -> None:
        self._present = 0
        self._rests_until = -math.inf

    async def refine(self, forecaster: Forecaster, in_flight: InFlightRequest) -> None:
        """Give the job the forecast that it would have got in the queue, if it comes in time."""
        begun = time.perf_counter()  # uvloop's clock counts whole milliseconds: the tier needs less
        if not forecaster.refines or not in_flight.forecast.predictions:
            return
        if self._present >= TOLD_AT_ONCE or begun < self._rests_until:
            return
        self._present += 1
        try:
            better = await forecaster.refine(in_flight.forecast, within_s=TOLD_S, urgent=True)
        finally:
            self._present -= 1
            # not by how long it took: on a busy machine, or behind others, that is no work for it
            self._rests_until = max(self._rests_until, begun) + EACH_S / TOLD_SHARE
        if better is not None:
            in_flight.forecast = better
            in_flight.job.length = better.length
