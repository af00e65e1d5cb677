"""Retry budget: attempts beyond the first of each request, bounded over the whole gateway.

Where every worker fails, each request that is tried again makes the failure last longer. So the
attempts beyond the first are a share of the recent requests, and a few more for quiet times.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from time import monotonic

from gateway.config.settings import Requests
from gateway.metrics import Metrics

WINDOW_S = 10
"""Seconds over which requests and retries are counted."""

FIRST_PAUSE_S = 0.1
"""Longest pause before the first retry on a worker that has just failed the request."""

LONGEST_PAUSE_S = 2.0
"""Longest pause before any retry."""


@dataclass(slots=True)
class _Second:
    """What happened in one second."""

    number: int
    requests: int = 0
    retries: int = 0


@dataclass(slots=True)
class RetryBudget:
    """Counts requests and retries, and says whether one more retry is allowed."""

    settings: Requests
    metrics: Metrics
    _seconds: deque[_Second] = field(default_factory=deque)
    _requests: int = 0
    _retries: int = 0

    def begin(self, *, once: bool = False) -> Retries:
        """Count a request; returns what it may do after a failure. ``once``: nothing."""
        self._now().requests += 1
        self._requests += 1
        return Retries(self, 0 if once else self.settings.retries)

    def take(self) -> bool:
        """Count a retry, if it is allowed now."""
        now = self._now()
        allowed = self.settings.retry_share * self._requests + (
            self.settings.retries_per_s * WINDOW_S
        )
        if self._retries + 1 > allowed:
            self.metrics.retries.labels("denied").inc()
            return False
        now.retries += 1
        self._retries += 1
        self.metrics.retries.labels("tried").inc()
        return True

    def _now(self) -> _Second:
        """The present second, after those before the window have been forgotten."""
        number, seconds = int(monotonic()), self._seconds
        while seconds and seconds[0].number <= number - WINDOW_S:
            gone = seconds.popleft()
            self._requests -= gone.requests
            self._retries -= gone.retries
        if not seconds or seconds[-1].number != number:
            seconds.append(_Second(number))
        return seconds[-1]


@dataclass(slots=True)
class Retries:
    """The attempts of one request beyond its first."""

    budget: RetryBudget
    left: int
    """Retries that ``requests.retries`` leaves to this request."""
    denied: bool = False
    """Whether the gateway's budget has denied one."""
    _paused: int = 0

    async def again(self, *, elsewhere: bool, free: bool = False) -> bool:
        """Whether the request may be tried again now.

        Args:
            elsewhere: there is a worker that has not failed the request. Without one there is a
                pause first.
            free: the attempt does not count against the budget.
        """
        if self.left <= 0:
            return False
        if not free and not self.budget.take():
            self.denied = True
            return False
        if free:
            self.budget.metrics.retries.labels("moved").inc()
        self.left -= 1
        if not elsewhere:
            await asyncio.sleep(pause_s(self._paused))
            self._paused += 1
        return True


def pause_s(before: int) -> float:
    """Seconds of a pause: longer after each one ``before``, with jitter."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(before, 10))
    return longest * random.uniform(0.5, 1.0)
