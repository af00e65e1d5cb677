"""WaitingCounts: how many jobs wait, by tenant, class and expected length, kept up to date."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from scheduler.job import Job

LENGTHS = (64, 256, 1024, 4096)
"""Upper bounds of the length classes, in expected output tokens of a request."""


_Name = TypeVar("_Name", str, int)


class _Counted(NamedTuple):
    tenant: str
    urgency: int
    length: int
    tokens: float


class WaitingCounts:
    """Counts of the waiting jobs, each read in constant time. None of them decides anything."""

    def __init__(self) -> None:
        self.by_tenant: Counter[str] = Counter()
        self.by_urgency: Counter[int] = Counter()
        self.by_length = Counter(dict.fromkeys(range(len(LENGTHS) + 1), 0))
        """By index into ``LENGTHS``; the last index is of longer ones."""
        self.tokens = 0.0
        """Expected output tokens, summed over the jobs."""
        self._counted: dict[str, _Counted] = {}

    def add(self, job: Job) -> None:
        """Count a job as it is now; a job that is counted already is counted anew."""
        if job.id in self._counted:
            self.remove(job.id)
        counted = self._counted[job.id] = _describe(job)
        self.by_tenant[counted.tenant] += 1
        self.by_urgency[counted.urgency] += 1
        self.by_length[counted.length] += 1
        self.tokens += counted.tokens

    def remove(self, job_id: str) -> None:
        """Count a job no more.

        Raises:
            KeyError: the job is not counted.
        """
        counted = self._counted.pop(job_id)
        _less(self.by_tenant, counted.tenant)
        _less(self.by_urgency, counted.urgency)
        self.by_length[counted.length] -= 1
        self.tokens = self.tokens - counted.tokens if self._counted else 0.0

    def expected(self, job: Job) -> float:
        """Expected output tokens of a job: as counted, which costs less, while it waits."""
        counted = self._counted.get(job.id)
        return job.expected_tokens if counted is None else counted.tokens

    def check(self, jobs: Iterable[Job]) -> None:
        """Assert that these jobs are the counted ones."""
        counted = {job.id: _describe(job) for job in jobs}
        assert counted == self._counted, "the counts are of other jobs"
        assert self.by_tenant == Counter(one.tenant for one in counted.values())
        assert self.by_urgency == Counter(one.urgency for one in counted.values())
        assert +self.by_length == Counter(one.length for one in counted.values())
        tokens = sum(one.tokens for one in counted.values())
        assert abs(self.tokens - tokens) < 1e-6 * max(1.0, tokens)


def length_class(tokens: float) -> int:
    """Index into ``LENGTHS`` of the class of so many expected tokens."""
    return sum(tokens > bound for bound in LENGTHS)


def _describe(job: Job) -> _Counted:
    tokens = job.expected_tokens
    return _Counted(job.tenant, job.urgency, length_class(tokens), tokens)


def _less(counts: Counter[_Name], name: _Name) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
