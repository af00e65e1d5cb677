"""KvForecast: the KV memory of running jobs over the coming engine steps, and its peak.

Jobs end at different times. Admission by the sum of the final sizes admits too few jobs; admission
by the sum of the present sizes admits too many. The right measure is the peak over time of the
expected sum (the Past-Future scheduler, LightLLM, ASPLOS'25). Survival curves give the sum's mean
and, with independent jobs, the sum's variance.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import NormalDist

from scheduler.job import Job
from scheduler.length import LengthDistribution

STEPS = (0, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)
"""Engine steps from now at which the sum is taken. A running sequence writes one token a step."""

_ZEROS = (0.0,) * len(STEPS)

LEAST_STAKE = 0.1
"""A job has no say at a step at which it is expected to hold less than this share of what it holds
now."""

PROFILES_KEPT = 4096
"""Profiles of waiting jobs that are kept; a decision tries a few jobs of each model on each worker,
and workers differ in what they know of shared prefixes."""

PerStep = tuple[float, ...] | list[float]
"""One number for each of ``STEPS``."""


@dataclass(frozen=True, slots=True)
class KvProfile:
    """The KV tokens of one job at each of ``STEPS``: mean and variance."""

    mean: PerStep
    variance: PerStep


def kv_profile(job: Job, *, block: int, shared: float, prefix_caching: bool = True) -> KvProfile:
    """The KV tokens of ``job``, given the tokens it has attained.

    Args:
        job: the job, running or not begun.
        block: tokens in one KV block. The last block of each sequence is half full on average.
        shared: part of the prompt (0 to 1) whose KV blocks other jobs hold as well.
        prefix_caching: whether sequences that go on from one prompt share its KV memory.
    """
    tokens, attained, running = job.length.tokens, job.attained, job.expected_running
    first = bisect_right(tokens, attained)
    masses = [0.0, *accumulate(reversed(job.length.mass[first:]))]
    beyond = masses[::-1]  # beyond[i]: mass of the atoms from first + i on
    grown, own = attained + (block - 1) / 2, 1.0 - shared
    each, most = job.prompt_memory(prefix_caching=prefix_caching)
    each, most = each * own, most * own
    if not beyond[0] > 0:
        # Past the last atom the forecast says nothing: the next token is assumed to be the last.
        held = min(each * running, most) + running * grown
        return KvProfile((held, *_ZEROS[1:]), _ZEROS)
    means, variances = [], []
    atom, last = first, len(tokens)
    for step in STEPS:
        reached = attained + step
        while atom < last and tokens[atom] <= reached:
            atom += 1
        alive = beyond[atom - first] / beyond[0]
        left = running * alive
        prompt = each * left
        mean = (prompt if prompt < most else most) + left * (grown + step)
        means.append(mean)
        variances.append(mean * mean * (1.0 - alive) / alive if alive > 0 else 0.0)
    return KvProfile(means, variances)


@dataclass(slots=True)
class FirstProfiles:
    """Profiles of jobs not begun. Workers that are alike share them: each decision tries the same
    few jobs on every worker."""

    _kept: dict[tuple[str, int, float, bool], tuple[LengthDistribution, KvProfile]] = field(
        default_factory=dict
    )

    def of(self, job: Job, *, block: int, shared: float, prefix_caching: bool) -> KvProfile:
        """As ``kv_profile``, of a job that has attained nothing."""
        key = job.id, block, shared, prefix_caching
        if (kept := self._kept.get(key)) is None or kept[0] is not job.length:
            found = kv_profile(job, block=block, shared=shared, prefix_caching=prefix_caching)
            self._kept[key] = kept = job.length, found
            if len(self._kept) > PROFILES_KEPT:
                del self._kept[next(iter(self._kept))]
        return kept[1]


@dataclass(slots=True)
class KvForecast:
    """The sum of the profiles of a worker's jobs."""

    _profiles: dict[str, KvProfile] = field(default_factory=dict)
    _mean: list[float] = field(default_factory=lambda: list(_ZEROS))
    _variance: list[float] = field(default_factory=lambda: list(_ZEROS))
    _peaks: dict[float, float] = field(default_factory=dict)
    """The peak by deviations, until a profile changes: placement asks every worker for its own."""

    def set(self, job_id: str, profile: KvProfile) -> None:
        """Add a job's profile, or replace the profile."""
        self._exchange(self._profiles.get(job_id, _NOTHING), profile)
        self._profiles[job_id] = profile

    def remove(self, job_id: str) -> None:
        """Take a job's profile out of the sum.

        Raises:
            KeyError: the sum holds no profile of this job.
        """
        self._exchange(self._profiles.pop(job_id), _NOTHING)
        if not self._profiles:  # rounding errors must not outlive the jobs
            self._mean, self._variance = list(_ZEROS), list(_ZEROS)
            self._peaks.clear()

    def _exchange(self, old: KvProfile, new: KvProfile) -> None:
        self._peaks.clear()
        means = zip(self._mean, old.mean, new.mean, strict=True)
        variances = zip(self._variance, old.variance, new.variance, strict=True)
        self._mean = [total - before + after for total, before, after in means]
        self._variance = [total - before + after for total, before, after in variances]

    @property
    def now(self) -> float:
        """Expected KV tokens held now."""
        return self._mean[0]

    def peak(self, deviations: float) -> float:
        """The largest KV use over ``STEPS`` in tokens: mean plus so many standard deviations."""
        peak = self._peaks.get(deviations)
        if peak is None:
            peak = self._peaks[deviations] = max(upper for _, upper in self.ahead(deviations))
        return peak

    def ahead(self, deviations: float) -> Iterator[tuple[float, float]]:
        """The KV use at each of ``STEPS`` in tokens: mean, and so many standard deviations more."""
        for mean, variance in zip(self._mean, self._variance, strict=True):
            yield mean, mean + deviations * math.sqrt(max(variance, 0.0))

    def admits(self, profile: KvProfile, capacity: float, deviations: float) -> bool:
        """Whether the KV use with one more ``profile`` stays within ``capacity`` tokens.

        Looks at the steps at which the new job is likely to run. A peak that comes after its end
        is no reason to hold the job back: what is admitted later decides on that peak.
        """
        squared = deviations * deviations
        least = LEAST_STAKE * profile.mean[0]
        for mean, new_mean, variance, new_variance in zip(
            self._mean, profile.mean, self._variance, profile.variance, strict=True
        ):
            if new_mean < least:
                return True
            room = capacity - mean - new_mean
            if room < 0 or room * room < squared * (variance + new_variance):
                return False
        return True

    def check(self) -> None:
        """Assert that the running sums equal the sums over the jobs."""
        profiles = self._profiles.values()
        for step in range(len(STEPS)):
            mean = math.fsum(profile.mean[step] for profile in profiles)
            assert abs(self._mean[step] - mean) <= 1e-6 * max(1.0, mean), "a mean has drifted"
            variance = math.fsum(profile.variance[step] for profile in profiles)
            error = abs(self._variance[step] - variance)
            assert error <= 1e-3 * max(1.0, variance), "a variance has drifted"


_NOTHING = KvProfile(_ZEROS, _ZEROS)


def deviations_for(overflow: float) -> float:
    """The standard normal quantile at ``1 - overflow``: standard deviations above the mean.

    Args:
        overflow: probability that a normal variable exceeds the quantile, above 0 and up to 0.5.

    Raises:
        ValueError: ``overflow`` is outside these bounds.
    """
    if not 0 < overflow <= 0.5:
        raise ValueError(f"overflow must be a probability above 0 and up to 0.5, got {overflow}")
    return NormalDist().inv_cdf(1.0 - overflow)
