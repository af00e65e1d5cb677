"""Scheduling: the dispatcher of this process, with its scheduler inside or in another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.config.settings import Config
from gateway.remote_scheduler.address import SchedulerAddress
from gateway.remote_scheduler.missing import needs_the_extra
from gateway.scheduling.build_scheduler import configure, make_scheduler
from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.expectations import Expectations
from gateway.scheduling.waiting_order import Order, WaitingOrder

if TYPE_CHECKING:
    from gateway.remote_scheduler.connection import Connection


@dataclass(frozen=True, slots=True)
class Scheduling(Collector):
    """A dispatcher, the order of what waits, and the connection to a scheduler elsewhere."""

    dispatcher: Dispatcher
    order: Order
    connection: Connection | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stay connected for the length of the block."""
        if self.connection is None:
            yield
            return
        task = asyncio.create_task(self.connection.keep(), name="follow the scheduler")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def describe(self) -> list[Metric]:
        """No names at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Gauge and counter of the connection; both are 0 with a scheduler in this process."""
        yield GaugeMetricFamily(
            "lengthwise_scheduler_away",
            "1 while this front has no scheduler: what runs goes on, what comes waits",
            value=self.dispatcher.away(),
        )
        yield CounterMetricFamily(
            "lengthwise_scheduler_reconnects",
            "How often this front has found its scheduler again",
            value=self.connection.reconnects if self.connection else 0,
        )


def scheduling(config: Config, address: SchedulerAddress | None = None) -> Scheduling:
    """The configured scheduling of this process; with an ``address`` as one of several fronts.

    Raises:
        FrontsError: there is an address, and the extra ``fronts`` is not installed.
    """
    if address is None:
        scheduler = make_scheduler(config)
        dispatcher = Dispatcher(scheduler)
        return Scheduling(dispatcher, WaitingOrder(dispatcher, scheduler))
    with needs_the_extra():
        from gateway.remote_scheduler.connection import Connection  # noqa: PLC0415 - an extra
        from gateway.remote_scheduler.expectations import (  # noqa: PLC0415
            RemoteOrder,
            RemoteRates,
            RemoteStarts,
        )
        from gateway.remote_scheduler.remote_scheduler import RemoteScheduler  # noqa: PLC0415
    remote = RemoteScheduler()
    rates, starts = RemoteRates(remote), RemoteStarts(remote)
    dispatcher = Dispatcher(remote, Expectations(rates, starts))
    dispatcher.away = lambda: remote.away
    remote.deliver = dispatcher.apply
    configure(dispatcher, config)
    return Scheduling(dispatcher, RemoteOrder(remote), Connection(address, remote))
