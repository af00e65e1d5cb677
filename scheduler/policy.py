"""Policies: a policy gives each job a key, and the job of the smallest key goes first.

A policy reads no clock, so keys do not change while jobs wait and a sorted queue keeps the order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from scheduler.job import Job

Policy = Callable[[Job], float]
"""Job -> key. The key must not change while the job waits, except by a new forecast."""

AGEING = 0.1
"""Default ageing rate, in e-folds of length per turn of waiting. Effect: see "A mix of kinds of
traffic" in scheduler/RESULTS.md."""

LEVEL = 0.85
"""Default level of ``sejf``, in multiples of the usual length (``UsualLengths``). Measured: see
"Level and ageing" in scheduler/RESULTS.md."""


def fcfs(job: Job) -> float:
    """First come, first served: the order of arrival, the control of every comparison."""
    return job.arrival


def prompt_length(job: Job) -> float:
    """The natural logarithm of the prompt's tokens: an order that needs no forecast."""
    return math.log(max(1, job.prompt_tokens))


def expected_output(job: Job) -> float:
    """The natural logarithm of the expected output tokens: shortest expected job first.

    Without preemption this order minimises the mean wait (SEPT). The logarithm keeps the order and
    sets the scale on which waiting counts (see ``Aged``).
    """
    return math.log(job.expected_tokens)


@dataclass(frozen=True, slots=True)
class LevelledOutput:
    """The logarithm of the geometric mean of the output tokens, up to the level.

    Latency counts per token of the answer, so a wait weighs 1 / length. With these weights the best
    order without preemption is by E[L] / E[1 / L] (Smith's rule), which is nearly the square of the
    geometric mean. Jobs longer than ``level`` times the usual length (``UsualLengths``) all count
    as that long and go in arrival order. Long jobs are few: to put them last gains the other jobs
    little and costs much p99 latency.
    """

    level: float

    def __call__(self, job: Job) -> float:
        """The key of the job, at most the key of the level."""
        return math.log(min(job.geometric_mean_tokens, self.level * job.usual_tokens))


def kv_volume(job: Job) -> float:
    """The logarithm of the expected KV volume: KV tokens held, summed over the engine steps.

    A job of s prompt and o output tokens has a volume of s o + o (o + 1) / 2 token-steps. The mean
    volume needs the second moment of o: of two jobs of equal expected output, the less certain job
    goes later.
    """
    first, second = job.length.mean, job.length.second_moment
    volume = first * job.prompt_tokens + job.sequences * (second + first) / 2
    return math.log(volume)


@dataclass(frozen=True, slots=True)
class TailAware:
    """The logarithm of mean + ``weight`` x CVaR, where CVaR is the mean of the longest tenth."""

    weight: float = 0.5

    def __call__(self, job: Job) -> float:
        """The key of the job: of two jobs of equal mean, the job of the longer tail goes later."""
        tail = job.length.tail_mean(0.9)
        return math.log(job.sequences * (job.length.mean + self.weight * tail))


def gittins(job: Job) -> float:
    """The logarithm of the Gittins rank of a job not begun: least expected cost per completion.

    The rank is min over a of E[min(X, a)] / P(X <= a); the minimum is at one of the atoms. The
    Gittins order minimises the mean latency if preemption is free. vLLM recomputes preempted
    sequences, and the gateway does not preempt at all: then the expected length is the right index,
    and the Gittins rank puts uncertain jobs too early.
    """
    best, before, spent = math.inf, 0.0, 0.0
    left = 1.0
    for tokens, reached in zip(job.length.tokens, accumulate(job.length.mass), strict=True):
        spent += (tokens - before) * left
        best = min(best, spent / reached) if reached > 0 else best
        before, left = tokens, 1.0 - reached
    return math.log(job.sequences * best)


@dataclass(frozen=True, slots=True)
class Aged:
    """Ageing: the key ``base(job) + rate * arrival_turns``, which is constant while the job waits.

    At any time the key gives the same order as ``base(job) - rate * turns waited``.

    No job is overtaken by a job that arrives more than ``spread / rate`` turns later, where
    ``spread`` is the largest difference of two base keys. With ``expected_output`` and a rate of
    0.1, a job expected to be e times longer than another job yields for 10 turns.
    """

    base: Policy
    rate: float

    def __call__(self, job: Job) -> float:
        """The key of the job, its ageing included."""
        return self.base(job) + self.rate * job.arrival_turns


@dataclass(frozen=True, slots=True)
class Boost:
    """``rate * arrival_turns - boost``: arrival order, with a head start for short jobs.

    A job of size x = tokens / ``scale`` has the boost log(1 / (1 - exp(-x))) (gamma-Boost, Yu and
    Scully, 2024). For short jobs the key is the key of ``Aged``; for jobs longer than ``scale`` the
    boost vanishes. Such jobs go in arrival order among themselves, and no job that arrives more
    than log(scale / shortest) / rate turns later overtakes them.
    """

    base: Policy
    rate: float
    scale: float

    def __call__(self, job: Job) -> float:
        """The key of the job: its arrival less its boost."""
        size = math.exp(self.base(job)) / self.scale
        return self.rate * job.arrival_turns + math.log(-math.expm1(-size))


@dataclass(frozen=True, slots=True)
class LeastSlack:
    """Service-level order: the latest start (seconds) at which a job can still meet its objective.

    A job whose client wants the whole answer by a time (``Job.due``) has that for its objective.

    Args:
        ttft: seconds that the objective allows to the first token.
        tpot: seconds that the objective allows for each further token.
        token_seconds: seconds that the engine needs for each further token.
    """

    ttft: float = 5.0
    tpot: float = 0.2
    token_seconds: float = 0.03

    def __call__(self, job: Job) -> float:
        """The latest start, in seconds on the driver's clock."""
        if job.due < math.inf:
            return job.due - self.token_seconds * job.length.mean
        return job.arrival + self.ttft + (self.tpot - self.token_seconds) * job.length.mean


def sejf(ageing: float, level: float = LEVEL) -> Policy:
    """The default policy: shortest expected job first up to a level, with ageing.

    Args:
        ageing: e-folds of length per turn of waiting.
        level: multiple of the usual length (``UsualLengths``); requests expected to exceed the
            level all count as that long and go in arrival order.
    """
    return Aged(LevelledOutput(level), ageing)


class PolicyMaker(Protocol):
    """Makes a policy from the settings of a scheduler; a policy may ignore a setting."""

    def __call__(self, ageing: float, level: float = LEVEL) -> Policy:
        """The policy for an ``ageing`` rate and a ``level`` as in ``sejf``."""


POLICIES: Mapping[str, PolicyMaker] = {
    "fcfs": lambda ageing, level=LEVEL: fcfs,
    "sjf_prompt": lambda ageing, level=LEVEL: Aged(prompt_length, ageing),
    "sejf": sejf,
    "sept": lambda ageing, level=LEVEL: Aged(expected_output, ageing),
    "kv_volume": lambda ageing, level=LEVEL: Aged(kv_volume, ageing),
    "tail_aware": lambda ageing, level=LEVEL: Aged(TailAware(), ageing),
    "gittins": lambda ageing, level=LEVEL: Aged(gittins, ageing),
    "boost": lambda ageing, level=LEVEL: Boost(expected_output, ageing, 1000.0),
    "slo": lambda ageing, level=LEVEL: LeastSlack(),
}
"""The policies by their names in the configuration."""
