"""Policies: a job's key, smallest first. A policy reads no clock, so a heap keeps the order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scheduler.job import Job

Policy = Callable[[Job], float]
"""A job's key: the smallest goes first. It must not change while the job waits."""


def fcfs(job: Job) -> float:
    """First come, first served: the order of arrival. The control of every comparison."""
    return job.arrival


def expected_output(job: Job) -> float:
    """Shortest expected job: the natural logarithm of the expected output tokens.

    Without preemption the shortest expected size minimises the mean wait (SEPT). The logarithm
    leaves that order as it is and sets the scale on which waiting counts (see ``Aged``).
    """
    return math.log(job.sequences * job.length.mean)


@dataclass(frozen=True, slots=True)
class Aged:
    """``base(job) + rate * arrival``: at every instant the order of ``base - rate * waited``.

    No job is overtaken by one that arrives more than ``spread / rate`` seconds after it, where
    ``spread`` is the largest difference of two base keys: with ``expected_output`` and a rate of
    0.03 per second, a job expected to be e times longer than another yields to it for 33 s.
    """

    base: Policy
    rate: float

    def __call__(self, job: Job) -> float:
        """The aged key."""
        return self.base(job) + self.rate * job.arrival


def sejf(ageing: float) -> Policy:
    """Shortest expected job first, aged by ``ageing`` nats per second of waiting."""
    return Aged(expected_output, ageing)


POLICIES: Mapping[str, Callable[[float], Policy]] = {
    "fcfs": lambda ageing: fcfs,  # arrival order needs no ageing
    "sejf": sejf,
}
"""Name -> constructor from the ageing rate."""
