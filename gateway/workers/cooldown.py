"""Cooldown: a worker that refuses or fails requests is left alone for a while, then tried gently.

The pause grows with each cooldown in a row, with jitter. After the pause the worker is on trial: it
gets one request more than it has, until it answers one or has kept one for a while. An answer ends
the row. Requests that generate nothing prove nothing of those that do.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_S = 1.0
"""Seconds of the first cooldown in a row; each further one is twice as long."""

LONGEST_S = 30.0
"""Seconds of the longest cooldown that the gateway chooses itself."""

LONGEST_WISH_S = 60.0
"""Longest ``Retry-After`` of a worker that is honoured: a wrong one must not cost the worker."""

FAILURES = 3
"""Failures in a row that begin a cooldown. One alone may be the request's own fault."""

FIRST_EJECTION_S = 2.0
"""Seconds for which a worker that does much worse than the others is first left alone; each further
time is three times as long, up to ``LONGEST_S``."""

FORGET_S = 60.0
"""Seconds without another such time after which the next one counts as the first."""

TRIAL_S = 2.0
"""Seconds after which a request that a worker has not refused ends the trial: a busy server refuses
at once, and a whole answer may take minutes."""

BUSY = frozenset((429, 503))
"""Statuses by which a server says that it takes no request now: one is enough."""

BROKEN = frozenset((500, 502, 504))
"""Statuses by which a server says that it failed a request."""


@dataclass(slots=True)
class Cooldown:
    """The cooldowns of one worker. All times are seconds of one clock."""

    until: float = -math.inf
    """The end of the last cooldown."""
    _before: float = -math.inf
    """The end of the cooldown before the last."""
    ejections: int = 0
    """Times of late that the worker did much worse than the others."""
    strict: bool = False
    """Whether the trial ends by ``passed`` alone: the worker did much worse than the others."""
    proof: int = 1
    """Answers without a failure that end a strict trial."""
    why: str = ""
    """Why the worker was ejected; "" once it has passed its trial."""
    _in_a_row: int = 0
    """Cooldowns since the worker has last answered a request."""
    _trial: bool = False
    """Whether the worker has taken no request since the last cooldown began."""
    _of_generations: bool = False
    """Whether a request for generated text was refused or failed in this row."""
    _failures: Counter[bool] = field(default_factory=Counter)
    """Failures in a row of requests that generate (True), and of those that do not."""
    _broke: float = -math.inf
    """The first failure or refusal since the worker has last answered a request."""
    _well: bool = True
    """Whether the worker has answered since it last failed or refused a request."""

    def left(self, now: float) -> float:
        """Seconds until the cooldown ends; 0 without one."""
        return max(0.0, self.until - now)

    def on_trial(self, now: float) -> bool:
        """Whether the cooldown is over and the worker has not taken a request since."""
        return self._trial and now >= self.until

    def tried_since(self, now: float) -> float:
        """From when on requests have been sent for which the worker was not yet left alone.

        A cooldown in progress is for the requests since the cooldown before.
        """
        return self._before if now < self.until else self.until

    def broke_after(self, begun: float) -> bool:
        """Whether a worker that was well has broken since ``begun``, and not answered again."""
        return not self._well and begun < self._broke

    def _break(self, now: float) -> None:
        if self._well:
            self._well, self._broke = False, now

    def refused(
        self, now: float, retry_after: float | None = None, *, generates: bool = True
    ) -> None:
        """Note that the worker takes no requests now, for ``retry_after`` seconds if it says so."""
        self._break(now)
        self._of_generations |= generates
        wish = min(retry_after or 0.0, LONGEST_WISH_S) * random.uniform(1.0, 1.1)
        if now < self.until:  # sent before the first refusal was known, or as a last resort
            self.until = max(self.until, now + wish)
            return
        pause = min(LONGEST_S, FIRST_S * 2.0 ** min(self._in_a_row, 20))
        self._before = self.until
        self.until = now + max(wish, pause * random.uniform(0.5, 1.0))
        self._in_a_row += 1
        self._trial = True

    def ejected(self, now: float, why: str, proof: int = 1) -> None:
        """Note that the worker does much worse than the others, why, and what its trial needs."""
        self._break(now)
        if now - self.until > FORGET_S:
            self.ejections = 0
        pause = min(LONGEST_S, FIRST_EJECTION_S * 3.0 ** min(self.ejections, 20))
        self._before = self.tried_since(now)
        self.until = max(self.until, now + pause * random.uniform(0.75, 1.0))
        self.ejections += 1
        self.strict, self._trial, self.why, self.proof = True, True, why, proof

    def passed(self) -> None:
        """Note that the worker has answered a request of its trial as well as the others."""
        self._in_a_row, self._trial, self._of_generations = 0, False, False
        self.strict, self.why = False, ""

    def failed(self, now: float, begun: float, *, generates: bool = True) -> None:
        """Note that the worker failed a request that it had taken, sent at ``begun``.

        The failure of a request from before the cooldown tells nothing new.
        """
        self._break(now)
        if begun < self.until:
            return
        self._failures[generates] += 1
        if self.strict and self.on_trial(now):
            self.ejected(now, self.why, self.proof)
        elif self._failures[generates] >= FAILURES or self.on_trial(now):
            self._failures.clear()
            self.refused(now, generates=generates)

    def pardoned(self, *, generates: bool = True) -> None:
        """Note that a failure was the request's own fault."""
        self._failures[generates] = max(0, self._failures[generates] - 1)

    def kept(self, begun: float, *, generates: bool = True) -> None:
        """Note that the worker has a request, sent at ``begun``, that it has not refused."""
        if self._proves(begun, generates=generates) and not self.strict:
            self._trial = False

    def answered(self, begun: float, *, generates: bool = True) -> None:
        """Note that the worker answers a request that was sent at ``begun``."""
        if begun >= self._broke:
            self._well = True
        if begun >= self.until:
            del self._failures[generates]
        if self._proves(begun, generates=generates) and not self.strict:
            self._in_a_row, self._trial, self._of_generations = 0, False, False

    def _proves(self, begun: float, *, generates: bool) -> bool:
        """Whether a request tells of the row: it was sent after the cooldown, and is alike."""
        return begun >= self.until and (generates or not self._of_generations)


def retry_after(value: str | None) -> float | None:
    """The seconds in a header ``Retry-After``, a number or a date; None without a sensible one."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = _seconds_until(value)
        except (ValueError, OverflowError):  # a year or a time zone without end
            return None
    return seconds if 0.0 < seconds < math.inf else None


def _seconds_until(date: str) -> float:
    """The seconds from now to a date in the form of mail and HTTP.

    Raises:
        ValueError: it is no such date.
        OverflowError: a number in it is too large.
    """
    moment = parsedate_to_datetime(date)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
