"""TokenCounters: which of several tenants is served next, by tokens served so far and share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from scheduler.job import Job

PROMPT_PRICE = 0.25
"""What a prompt token counts against an output token: prefill computes many of them in a step."""


def price(job: Job, output_tokens: float) -> float:
    """What a job costs its tenant with so many output tokens (of all its sequences), in tokens."""
    return PROMPT_PRICE * job.prompt_tokens + output_tokens


@dataclass(slots=True)
class TokenCounters:
    """Virtual token counters (VTC; Sheng et al., OSDI'24): the least counter is served next.

    A job is charged what it is expected to cost when it is sent, over its tenant's share, and the
    difference to what it did cost when it ends. A tenant none of whose jobs waited starts again at
    the counter last served: idling saves nothing up.
    """

    _spent: dict[str, float] = field(default_factory=dict)
    _waiting: Counter[str] = field(default_factory=Counter)
    _reached: float = 0.0

    def __getitem__(self, tenant: str) -> float:
        return self._spent.get(tenant, self._reached)

    def __len__(self) -> int:
        return len(self._spent)

    def begin_waiting(self, tenant: str) -> None:
        """A job of the tenant has come to wait."""
        if not self._waiting[tenant]:
            self._spent[tenant] = max(self[tenant], self._reached)
        self._waiting[tenant] += 1

    def end_waiting(self, tenant: str) -> None:
        """A job of the tenant waits no more, wherever it went."""
        self._waiting[tenant] -= 1
        if not self._waiting[tenant]:
            del self._waiting[tenant]
            self._forget(tenant)
        if not self._waiting:  # nobody competes: all are even again
            self._reached = max(self._spent.values(), default=self._reached)
            self._spent.clear()

    def charge(self, job: Job) -> float:
        """Charge a job that is sent; what it was charged, for ``settle``."""
        charged = price(job, job.expected_tokens)
        self._reached = max(self._reached, self[job.tenant])
        self._spent[job.tenant] = self[job.tenant] + charged / job.share
        return charged

    def settle(self, job: Job, charged: float) -> None:
        """Correct the charge of a job that has ended, by the tokens it has written."""
        cost = price(job, job.sequences * job.attained)
        self._spent[job.tenant] = self[job.tenant] + (cost - charged) / job.share
        self._forget(job.tenant)

    def refund(self, job: Job, charged: float) -> None:
        """Take back the charge of a job that was not served after all."""
        self._spent[job.tenant] = self[job.tenant] - charged / job.share

    def waiting(self, tenant: str) -> int:
        """How many jobs of the tenant wait."""
        return self._waiting.get(tenant, 0)

    def _forget(self, tenant: str) -> None:
        # Its counter would be lifted anyway when it comes back: the memory is bounded.
        if not self._waiting.get(tenant) and self[tenant] <= self._reached:
            self._spent.pop(tenant, None)
