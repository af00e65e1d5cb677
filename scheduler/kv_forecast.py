"""KvForecast: the KV memory that running jobs will hold over the coming steps, and its peak.

Jobs end at different times, so neither the sum of their final sizes (admits too few) nor what they
hold now (admits too many) says how full the cache will get: the peak over time of the sum does
(the Past-Future scheduler, LightLLM, ASPLOS'25). Survival curves give that sum its mean and, jobs
being independent, its variance.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import NormalDist

from scheduler.job import Job

STEPS = (0, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
"""The engine steps from now at which the sum is taken: a running sequence writes one token each."""

_ZEROS = (0.0,) * len(STEPS)

Curve = tuple[float, ...] | list[float]
"""A number for each of ``STEPS``."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The KV tokens of a job at each of ``STEPS``: mean and variance."""

    mean: Curve
    variance: Curve


def outline(job: Job, *, block: int = 16, shared: float = 0.0) -> Outline:
    """What ``job`` will hold, given what it has written.

    Each sequence's last ``block`` is half full on average; of its prompt the part ``shared`` is
    held by others too.
    """
    tokens, attained, sequences = job.length.tokens, job.attained, job.sequences
    at = bisect_right(tokens, attained)
    beyond = [0.0, *accumulate(reversed(job.length.mass[at:]))][::-1]  # mass of atoms from at + i
    fixed = job.prompt_tokens * (1.0 - shared) + sequences * (attained + (block - 1) / 2)
    if not beyond[0] > 0:
        # Past the last atom nothing is known but that it lasts: the next token should end it.
        return Outline((fixed, *_ZEROS[1:]), _ZEROS)
    means, variances = [], []
    first, last = at, len(tokens)
    for step in STEPS:
        reached = attained + step
        while at < last and tokens[at] <= reached:
            at += 1
        alive = beyond[at - first] / beyond[0]
        size = fixed + sequences * step
        means.append(size * alive)
        variances.append(size * size * alive * (1.0 - alive))
    return Outline(means, variances)


@dataclass(slots=True)
class KvForecast:
    """Sums of outlines over the jobs of a worker."""

    _of: dict[str, Outline] = field(default_factory=dict)
    _mean: list[float] = field(default_factory=lambda: list(_ZEROS))
    _variance: list[float] = field(default_factory=lambda: list(_ZEROS))

    def put(self, job_id: str, new: Outline) -> None:
        """Count a job, or count it anew after progress."""
        self._exchange(self._of.get(job_id, _NOTHING), new)
        self._of[job_id] = new

    def drop(self, job_id: str) -> None:
        """Count a job no more."""
        self._exchange(self._of.pop(job_id), _NOTHING)
        if not self._of:  # no residue of rounding outlives the jobs
            self._mean, self._variance = list(_ZEROS), list(_ZEROS)

    def _exchange(self, old: Outline, new: Outline) -> None:
        mean, variance = zip(self._mean, old.mean, new.mean, strict=True), self._variance
        self._mean = [total - before + after for total, before, after in mean]
        triples = zip(variance, old.variance, new.variance, strict=True)
        self._variance = [total - before + after for total, before, after in triples]

    @property
    def now(self) -> float:
        """KV tokens held now."""
        return self._mean[0]

    def peak(self, deviations: float) -> float:
        """The largest KV use to come: mean plus so many standard deviations, in tokens."""
        pairs = zip(self._mean, self._variance, strict=True)
        return max(mean + deviations * math.sqrt(max(variance, 0.0)) for mean, variance in pairs)

    def admits(self, new: Outline, capacity: float, deviations: float) -> bool:
        """Whether the peak with ``new`` stays within ``capacity`` tokens."""
        squared = deviations * deviations
        for held, more, unsure, less_sure in zip(
            self._mean, new.mean, self._variance, new.variance, strict=True
        ):
            room = capacity - held - more
            if room < 0 or room * room < squared * (unsure + less_sure):
                return False
        return True

    def check(self) -> None:
        """Assert that the running sums equal the sums over the jobs."""
        for n in range(len(STEPS)):
            mean = math.fsum(one.mean[n] for one in self._of.values())
            assert abs(self._mean[n] - mean) <= 1e-6 * max(1.0, mean), "a mean has drifted"
            variance = math.fsum(one.variance[n] for one in self._of.values())
            assert abs(self._variance[n] - variance) <= 1e-3 * max(1.0, variance), "a variance has"


_NOTHING = Outline(_ZEROS, _ZEROS)


def deviations_for(overflow: float) -> float:
    """Standard deviations over the mean that are exceeded with probability ``overflow`` (<= 0.5).

    Raises:
        ValueError: it is not a probability up to one half.
    """
    if not 0 < overflow <= 0.5:
        raise ValueError(f"overflow must be a probability above 0 and up to 0.5, got {overflow}")
    return NormalDist().inv_cdf(1.0 - overflow)
