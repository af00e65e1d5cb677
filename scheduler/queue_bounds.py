"""QueueBounds: how many jobs may wait, over all tenants and of one."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.actions import Reason


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """Bounds on waiting jobs. They are for new jobs: one that has been accepted stays."""

    max_waiting: int = 10_000
    """Jobs that may wait; one more is rejected with ``queue_full``."""
    max_waiting_per_tenant: int | None = None
    """The same for one tenant, with ``tenant_queue_full``; None: no bound."""

    def broken(self, waiting: int, of_tenant: int) -> Reason | None:
        """The bound that is broken by ``waiting`` jobs, ``of_tenant`` of them the new job's."""
        if waiting > self.max_waiting:
            return "queue_full"
        if self.max_waiting_per_tenant is not None and of_tenant > self.max_waiting_per_tenant:
            return "tenant_queue_full"
        return None
