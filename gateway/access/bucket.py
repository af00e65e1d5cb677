"""Bucket: an amount per minute, taken when a request is accepted and corrected when it ends.

The library `limits` counts what has happened. It has no way to give back a part of what was taken,
nor to take more afterwards, and both happen here to nearly every request.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PERIOD_S = 60.0


@dataclass(slots=True)
class Bucket:
    """What has been used lately; it fades at the rate of the limit. Times are seconds on one clock.

    The limit may change between two calls.
    """

    used: float = 0.0
    at: float = -math.inf
    """When ``used`` was right."""

    def take(self, amount: float, limit: float, now: float) -> float:
        """Take an amount and return 0; or take nothing, and return the seconds until it fits.

        An amount above the limit fits into an empty bucket, and the next one waits for longer: a
        request that never fits would be sent again for ever.
        """
        self._fade(limit, now)
        over = self.used + min(amount, limit) - limit
        if over > 1e-9 * limit:
            return over * PERIOD_S / limit
        self.used += amount
        return 0.0

    def left(self, limit: float, now: float) -> float:
        """How much may be taken now."""
        self._fade(limit, now)
        return max(0.0, limit - self.used)

    def full_in(self, limit: float) -> float:
        """Seconds until nothing is used any more, since ``left`` was asked."""
        return self.used * PERIOD_S / limit

    def correct(self, amount: float) -> None:
        """Add to what is used, or give back what is negative."""
        self.used = max(0.0, self.used + amount)

    def _fade(self, limit: float, now: float) -> None:
        if now > self.at:
            faded = (now - self.at) * limit / PERIOD_S
            self.used = max(0.0, self.used - faded)
            self.at = now
