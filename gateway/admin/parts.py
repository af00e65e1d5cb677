"""Parts: what the operators' pages read and change of the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

from gateway.access.access import Access
from gateway.forecasting.forecaster import Forecaster
from gateway.live_config.live_config import LiveConfig
from gateway.metrics import Metrics
from gateway.requests.leaving import Leaving
from gateway.requests.recent import Recent
from gateway.requests.under_way import UnderWay
from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.port import SchedulerPort
from gateway.scheduling.tenants import Tenancy
from gateway.scheduling.waiting_order import Order
from gateway.shadow.shadow import Shadow
from gateway.supervisor import Supervisor
from gateway.workers.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Parts:
    """The gateway as operators meet it."""

    dispatcher: Dispatcher
    fleet: Fleet
    tenancy: Tenancy
    forecaster: Forecaster
    metrics: Metrics
    leaving: Leaving
    under_way: UnderWay
    supervisor: Supervisor
    access: Access
    live: LiveConfig
    shadow: Shadow
    recent: Recent
    order: Order
    begun: float = field(default_factory=monotonic)
    """When the gateway began, in seconds of ``monotonic``."""

    @property
    def scheduler(self) -> SchedulerPort:
        """The scheduler, to be read."""
        return self.dispatcher.scheduler
