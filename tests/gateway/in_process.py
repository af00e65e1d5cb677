"""The scheduler and the measured rates of a dispatcher whose scheduler runs in this process."""

from __future__ import annotations

from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.start_rates import StartRates
from scheduler.scheduler import Scheduler


def scheduler_of(dispatcher: Dispatcher) -> Scheduler:
    """The dispatcher's scheduler."""
    assert isinstance(dispatcher.scheduler, Scheduler)
    return dispatcher.scheduler


def rates_of(dispatcher: Dispatcher) -> StartRates:
    """The rates that the dispatcher has measured."""
    assert isinstance(dispatcher.rates, StartRates)
    return dispatcher.rates
