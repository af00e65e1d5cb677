"""KvCheck: a worker's KV forecasts compared with what came, for a full cache of jobs at a time.

Each job is a bet: so many tokens are expected to be held ``HORIZON`` tokens of that job later. The
bet ends when the job has grown so far, or has ended. A job's own tokens count time, so that a job
which the engine holds back or preempts tells nothing false. The errors are added up over as many
bets as fill the cache: admission depends on the error of the sum, in which single errors cancel and
common errors do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from scheduler.kv_forecast import STEPS, KvProfile

HORIZON = 256
"""Tokens of a job between its forecast and the comparison."""

MOST_JUDGED = 256 * HORIZON
"""Tokens of an ended answer that are compared with its forecasts, however many are reported."""

_AT = STEPS.index(HORIZON)

_HALF_LIFE = 30.0
"""Full caches after which a comparison weighs half."""

_PRIOR_WEIGHT = 1.0
"""Weight of the first assumption, in full caches."""

_PRIOR_SPREAD = 0.109
"""Standard deviation of a sum's error as a share of the cache, assumed before any comparison: that
of a cache of some forty jobs and honest forecasts."""

_TOLERATED_BIAS = 0.08
"""Mean error, as a share of the cache, up to which nothing is corrected: the limit of admission was
measured with forecasts that are too low by that much."""

_CLAIM = 0.1
"""Standard deviation that forecasts claim of a sum, as a share of the cache, before any."""

_LEAST_CLAIM = 1e-6
"""Least sum of claimed variances: forecasts that are sure of every length claim none."""

_FULL_TRUST = 0.20
_NO_TRUST = 0.28
"""Margins, as shares of the cache, up to which a forecast is fully trusted and from which on not at
all. A margin keeps so much of the cache empty; what the engine wastes on preemptions without
admission is a tenth to a fifth of its work. Measured: see scheduler/RESULTS.md."""

_FULL_MARGIN_JOBS = 30
"""Running jobs from which on the margin is full. The fewer jobs a cache holds, the larger a part of
it the doubt about their sum is, and the more of it would stay empty: with fewer jobs the margin
stays the part that it is with so many. Measured: see "How full to fill the KV cache" in
scheduler/RESULTS.md."""

_HONEST = 1.1
_DISHONEST = 1.3
"""Scales up to which a forecast is fully trusted and from which on not at all. Forecasts that claim
to know more than they do also fail in ways that a wider margin does not mend: the error of a sum is
that of its few longest jobs. Chosen by simulation: a mix of kinds had 1.2 to 2 for the most
part, CASTILLO's requests 1.0 to 1.2."""


@dataclass(frozen=True, slots=True)
class _Bet:
    """What one job holds now, in tokens, and is expected to hold at ``until`` attained tokens."""

    until: int
    now: float
    expected: float
    variance: float


@dataclass(slots=True)
class _Sums:
    """Sums over bets that have ended: tokens held at the time, errors in tokens, variances."""

    now: float = 0.0
    error: float = 0.0
    variance: float = 0.0


@dataclass(slots=True)
class KvCheck:
    """Bias and spread of a worker's KV forecasts, learned online.

    ``bias`` is the mean of the sum's error beyond ``_TOLERATED_BIAS``, ``spread`` the standard
    deviation, as shares of the cache. ``scale`` is ``spread`` over the standard deviation that the
    forecasts claim, at least 1: an honest doubt about each job is no reason to fill up the cache.
    """

    bias: float = 0.0
    spread: float = _PRIOR_SPREAD
    scale: float = 1.0
    _bets: dict[str, _Bet] = field(default_factory=dict)
    _sums: _Sums = field(default_factory=_Sums)
    _weight: float = _PRIOR_WEIGHT
    _error: float = 0.0
    _square: float = _PRIOR_WEIGHT * _PRIOR_SPREAD**2
    _claimed: float = _PRIOR_WEIGHT * _CLAIM**2

    @property
    def error(self) -> float:
        """Mean of what jobs held minus what was expected, as a share of what they held before."""
        return self._error / self._weight

    def trust(self, deviations: float) -> float:
        """How far the forecasts may hold requests back, 0 to 1, with this margin in deviations."""
        small = (_NO_TRUST - deviations * self.spread) / (_NO_TRUST - _FULL_TRUST)
        honest = (_DISHONEST - self.scale) / (_DISHONEST - _HONEST)
        return max(0.0, min(1.0, small, honest))

    def deviations(self, claimed: float, jobs: int) -> float:
        """The standard deviations of the sum of ``jobs`` running jobs that make up its margin.

        ``claimed`` are those that forecasts which know how much they know would need.
        """
        return claimed * self.scale * math.sqrt(min(1.0, jobs / _FULL_MARGIN_JOBS))

    def observe(self, job_id: str, attained: int, profile: KvProfile, kv_tokens: int) -> None:
        """Take the forecast of a job that has ``attained`` tokens in a cache of ``kv_tokens``."""
        bet = self._bets.get(job_id)
        if bet is not None:
            if attained < bet.until:
                return
            self._end(bet, profile.mean[0], kv_tokens)
        until = attained + HORIZON
        mean, variance = profile.mean[_AT], profile.variance[_AT]
        self._bets[job_id] = _Bet(until, profile.mean[0], mean, variance)

    def ended(self, job_id: str, kv_tokens: int) -> None:
        """Take the end of a job, which now holds nothing."""
        bet = self._bets.pop(job_id, None)
        if bet is not None:
            self._end(bet, 0.0, kv_tokens)

    def _end(self, bet: _Bet, held: float, kv_tokens: int) -> None:
        sums = self._sums
        sums.now += bet.now
        sums.error += held - bet.expected
        sums.variance += bet.variance
        if sums.now >= kv_tokens:
            self._learn(sums)
            self._sums = _Sums()

    def _learn(self, sums: _Sums) -> None:
        """Learn from a full cache of bets."""
        keep = 0.5 ** (1.0 / _HALF_LIFE)
        share = sums.error / sums.now
        self._weight = keep * self._weight + 1.0
        self._error = keep * self._error + share
        self._square = keep * self._square + share * share
        self._claimed = keep * self._claimed + sums.variance / sums.now**2
        mean = self._error / self._weight
        self.bias = mean - min(max(mean, -_TOLERATED_BIAS), _TOLERATED_BIAS)
        variance = max(self._square / self._weight - mean**2, 0.0)
        self.spread = math.sqrt(variance)
        claimed = max(self._claimed, _LEAST_CLAIM) / self._weight
        self.scale = max(1.0, math.sqrt(variance / claimed))
