"""QueueBounds: how many jobs may wait, over all tenants and of one, and how much they ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scheduler.actions import Reason


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """Bounds on waiting jobs. They are for new jobs: one that has been accepted stays."""

    max_waiting: int = 10_000
    """Jobs that may wait; one more is rejected with ``queue_full``."""
    max_waiting_per_tenant: int | None = None
    """The same for one tenant, with ``tenant_queue_full``; None: no bound."""
    max_waiting_tokens: float = math.inf
    """Expected output tokens of the waiting jobs together; a job beyond it is rejected with
    ``queue_tokens_full``, unless it is the only one."""

    def broken(self, waiting: int, of_tenant: int, tokens: float = 0.0) -> Reason | None:
        """The bound that is broken by ``waiting`` jobs, ``of_tenant`` of them the new job's.

        ``tokens``: expected output tokens of the waiting jobs, the new one included.
        """
        if waiting > self.max_waiting:
            return "queue_full"
        if self.max_waiting_per_tenant is not None and of_tenant > self.max_waiting_per_tenant:
            return "tenant_queue_full"
        if tokens > self.max_waiting_tokens and waiting > 1:
            return "queue_tokens_full"
        return None
