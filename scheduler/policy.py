"""Policies: a job's key, smallest first. A policy reads no clock, so a heap keeps the order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from scheduler.job import Job

Policy = Callable[[Job], float]
"""A job's key: the smallest goes first. It must not change while the job waits."""

AGEING = 0.12
"""How fast waiting counts unless told otherwise, in nats of the key per turn. Measured: see "Level
and ageing" in scheduler/RESULTS.md."""

LEVEL = 0.85
"""From how many times the usual length on jobs are alike to ``sejf`` unless told otherwise.
Measured: see "Level and ageing" in scheduler/RESULTS.md."""


def fcfs(job: Job) -> float:
    """First come, first served: the order of arrival. The control of every comparison."""
    return job.arrival


def prompt_tokens(job: Job) -> float:
    """The natural logarithm of the prompt's tokens: what can be had without any forecast."""
    return math.log(max(1, job.prompt_tokens))


def expected_output(job: Job) -> float:
    """Shortest expected job: the natural logarithm of the expected output tokens.

    Without preemption the shortest expected size minimises the mean wait (SEPT). The logarithm
    leaves that order as it is and sets the scale on which waiting counts (see ``Aged``).
    """
    return math.log(job.expected_tokens)


@dataclass(frozen=True, slots=True)
class LevelledOutput:
    """Shortest job among the short ones: the logarithm of the typical output up to the level.

    Latency counts per token of the answer, so that a wait of the short weighs more: with weights
    of 1 / length the best order without preemption is that of E[L] / E[1 / L] (Smith's rule), the
    square of nearly the geometric mean. Jobs longer than ``level`` times what is usual are alike
    and go in order of arrival. Putting the longest of all last buys the others little, for they are
    few, and costs p99 latency much.
    """

    level: float

    def __call__(self, job: Job) -> float:
        """The key: no job's is larger than the level's."""
        return math.log(min(job.geometric_mean_tokens, self.level * job.model_mean_tokens))


def kv_volume(job: Job) -> float:
    """The logarithm of the expected KV volume: memory held, summed over the steps it is held for.

    With s prompt and o output tokens that is s o + o (o + 1) / 2 token-steps, so its mean needs the
    second moment: of two jobs of the same expected output the less certain one goes later.
    """
    first, second = job.length.mean, job.length.second_moment
    own = first * job.prompt_tokens + job.sequences * (second + first) / 2
    return math.log(own)


@dataclass(frozen=True, slots=True)
class TailAware:
    """The logarithm of E + ``weight`` x CVaR: the mean, and the mean of the longest tenth."""

    weight: float = 0.5

    def __call__(self, job: Job) -> float:
        """The key: long answers that might be called short go later."""
        tail = job.length.tail_mean(0.9)
        return math.log(job.sequences * (job.length.mean + self.weight * tail))


def gittins(job: Job) -> float:
    """The logarithm of the Gittins rank of a job not begun: least expected cost per completion.

    min over a of E[min(X, a)] / P(X <= a), reached at one of the atoms. Optimal for the mean where
    preemption is free. vLLM recomputes what it preempts, and a gateway does not preempt at all:
    there the expected size is the right index, and this one ranks gambles too early.
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
    """``base(job) + rate * turn``: at every instant the order of ``base - rate * waited``.

    Waiting counts in turns, the time for which a typical request is served. No job is overtaken by
    one that arrives more than ``spread / rate`` turns after it, where ``spread`` is the largest
    difference of two base keys: with ``expected_output`` and a rate of 0.1, a job expected to be e
    times longer than another yields to it for 10 turns.
    """

    base: Policy
    rate: float

    def __call__(self, job: Job) -> float:
        """The aged key."""
        return self.base(job) + self.rate * job.arrival_turns


@dataclass(frozen=True, slots=True)
class Boost:
    """``rate * turn - boost``: arrival order, with a head start for the short.

    The boost log(1 / (1 - exp(-x))) of a job of size x = tokens / ``scale`` (gamma-Boost, Yu and
    Scully, 2024) is the logarithm of ``Aged`` for short jobs and fades to nothing for jobs longer
    than ``scale``: those are served in order of arrival among themselves, and nothing that comes
    later than log(scale / shortest) / rate turns overtakes them, however long they are.
    """

    base: Policy
    rate: float
    scale: float

    def __call__(self, job: Job) -> float:
        """The boosted arrival."""
        size = math.exp(self.base(job)) / self.scale
        return self.rate * job.arrival_turns + math.log(-math.expm1(-size))


@dataclass(frozen=True, slots=True)
class LeastSlack:
    """Service-level order: the instant by which a job must begin to meet its objective.

    The objective allows ``ttft`` seconds to the first token and ``tpot`` for each further one; of
    those the job itself needs ``pace`` seconds a token.
    """

    ttft: float = 5.0
    tpot: float = 0.2
    pace: float = 0.03

    def __call__(self, job: Job) -> float:
        """The latest promising start, seconds on the driver's clock."""
        return job.arrival + self.ttft + (self.tpot - self.pace) * job.length.mean


def sejf(ageing: float, level: float = LEVEL) -> Policy:
    """The default: shortest expected job first up to a level, aged.

    Args:
        ageing: nats per turn of waiting.
        level: over the usual expected tokens.
    """
    return Aged(LevelledOutput(level), ageing)


class Maker(Protocol):
    """Makes a policy from its settings; one that has no use for a setting leaves it."""

    def __call__(self, ageing: float, level: float = LEVEL) -> Policy:
        """The policy: ``ageing`` in nats of the key per turn, ``level`` as in ``sejf``."""


POLICIES: Mapping[str, Maker] = {
    "fcfs": lambda ageing, level=LEVEL: fcfs,
    "sjf_prompt": lambda ageing, level=LEVEL: Aged(prompt_tokens, ageing),
    "sejf": sejf,
    "sept": lambda ageing, level=LEVEL: Aged(expected_output, ageing),
    "kv_volume": lambda ageing, level=LEVEL: Aged(kv_volume, ageing),
    "tail_aware": lambda ageing, level=LEVEL: Aged(TailAware(), ageing),
    "gittins": lambda ageing, level=LEVEL: Aged(gittins, ageing),
    "boost": lambda ageing, level=LEVEL: Boost(expected_output, ageing, 1000.0),
    "slo": lambda ageing, level=LEVEL: LeastSlack(),
}
"""Name -> how to make it."""
