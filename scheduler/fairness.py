"""TokenCounters: which of several tenants goes next, by tokens used so far and share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from scheduler.job import Job

PROMPT_WEIGHT = 0.25
"""Weight of a prompt token against an output token: a prefill step computes many tokens at once."""


def cost(job: Job, output_tokens: float) -> float:
    """The cost of a job in weighted tokens.

    Args:
        job: the job.
        output_tokens: output tokens, summed over the job's sequences.
    """
    return PROMPT_WEIGHT * job.prompt_tokens + output_tokens


@dataclass(slots=True)
class TokenCounters:
    """Virtual token counters (VTC; Sheng et al., OSDI'24). The smallest counter goes next.

    A dispatch charges the tenant the job's expected cost divided by the tenant's share; the job's
    end corrects the charge to the true cost. When a tenant begins to wait, its counter rises to the
    counter of the latest dispatch, if lower: an idle tenant collects no credit.
    """

    _counters: dict[str, float] = field(default_factory=dict)
    _waiting: Counter[str] = field(default_factory=Counter)
    _latest: float = 0.0

    def __getitem__(self, tenant: str) -> float:
        """The tenant's counter, in weighted tokens per share."""
        return self._counters.get(tenant, self._latest)

    def __len__(self) -> int:
        return len(self._counters)

    def begin_waiting(self, tenant: str) -> None:
        """Note that a job of the tenant begins to wait."""
        if not self._waiting[tenant]:
            self._counters[tenant] = max(self[tenant], self._latest)
        self._waiting[tenant] += 1

    def end_waiting(self, tenant: str) -> None:
        """Note that a job of the tenant has left the queue, dispatched or not."""
        self._waiting[tenant] -= 1
        if not self._waiting[tenant]:
            del self._waiting[tenant]
            self._forget(tenant)
        if not self._waiting:  # nobody competes: all tenants are even again
            self._latest = max(self._counters.values(), default=self._latest)
            self._counters.clear()

    def charge(self, job: Job) -> float:
        """Charge the tenant of a dispatched job.

        Returns the cost in weighted tokens, which ``settle`` and ``refund`` take as ``charged``.
        """
        charged = cost(job, job.expected_tokens)
        self._latest = max(self._latest, self[job.tenant])
        self._add(job.tenant, charged / job.share)
        return charged

    def settle(self, job: Job, charged: float) -> None:
        """Replace the charge of an ended job by the cost of its attained tokens."""
        difference = cost(job, job.sequences * job.attained) - charged
        self._add(job.tenant, difference / job.share)
        self._forget(job.tenant)

    def refund(self, job: Job, charged: float) -> None:
        """Take back the charge of a job that goes back to the queue."""
        self._add(job.tenant, -charged / job.share)

    def waiting(self, tenant: str) -> int:
        """The number of the tenant's waiting jobs."""
        return self._waiting.get(tenant, 0)

    def recall(self, counters: Mapping[str, float], latest: float) -> None:
        """Take the counters of a predecessor, for the tenants that it knew."""
        self._counters.update({t: c for t, c in counters.items() if math.isfinite(c)})
        if math.isfinite(latest):
            self._latest = max(self._latest, latest)

    def _add(self, tenant: str, tokens: float) -> None:
        # A counter that is no number has no place in an order, and would spread by ``_latest``.
        counter = self[tenant] + tokens
        if math.isfinite(counter):
            self._counters[tenant] = counter

    def _forget(self, tenant: str) -> None:
        # A forgotten counter bounds the memory: ``begin_waiting`` would raise the counter anyway.
        if not self._waiting.get(tenant) and self[tenant] <= self._latest:
            self._counters.pop(tenant, None)
