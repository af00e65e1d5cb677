"""Pace: a clock of one worker that counts the tokens which a running answer gets."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from itertools import accumulate

_KEEP_TOKENS = 4096.0
"""Tokens over which the pace is averaged, approximately."""

_MOST_CHANGE = 1.5
"""Factor within which one answer counts as faster or slower than the pace so far. An answer that
waited in the engine, or was preempted, tells how long it waited, and nothing of the others."""

_MOST_WEIGHT = 512.0
"""Tokens that one answer weighs at most: no single report makes up the pace."""

_LEAST_TOKENS = 16.0
"""Tokens from which on the pace is known."""

_EARLY_TOKENS, _EARLY_ANSWERS = 2048.0, 64
"""Tokens and observations up to which the pace is their median. A mean that begins with one odd
answer stays odd for hundreds: each of the others may change it by ``_MOST_CHANGE`` only."""


@dataclass(slots=True)
class Pace:
    """The tokens that an answer gets at one worker, as a clock that runs at the present pace.

    An engine gives each running sequence one token a step, so that one clock serves all answers.
    What the clock has counted stays: a pace that changes says nothing of the time before. Only the
    pace that is known first also holds for the time before it.
    """

    _tokens: float = 0.0
    _seconds: float = 0.0
    _count: float = 0.0
    _until: float = 0.0
    _first: float | None = None
    _first_rate: float = 0.0
    _early: list[tuple[float, float]] | None = field(default_factory=list)
    """Rate (tokens a second) and weight (tokens) of the first observations, in the order of their
    rates; None once there have been enough."""

    def observe(self, tokens: int, seconds: float, now: float) -> None:
        """Take so many tokens of one answer and the seconds that they took, both until ``now``."""
        if tokens <= 0 or seconds <= 0:
            return
        weight = min(float(tokens), _MOST_WEIGHT)
        seconds *= weight / tokens
        if self._first is not None:
            self._advance(now)
        if self._early is not None:
            self._begin(self._early, weight, weight / seconds)
        else:
            self._follow(weight, seconds)
        if self._first is None and self._tokens >= _LEAST_TOKENS:
            self._first, self._first_rate, self._until = now, self._rate, now

    def _begin(self, early: list[tuple[float, float]], weight: float, rate: float) -> None:
        """Take one of the first observations."""
        insort(early, (rate, weight))
        sums = list(accumulate(weight for _, weight in early))
        middle = next(place for place, reached in enumerate(sums) if 2 * reached >= sums[-1])
        self._tokens, self._seconds = sums[-1], sums[-1] / early[middle][0]
        if sums[-1] >= _EARLY_TOKENS or len(early) >= _EARLY_ANSWERS:
            self._early = None

    def _follow(self, tokens: float, seconds: float) -> None:
        """Take one of the later observations."""
        usual = tokens / self._rate
        seconds = min(max(seconds, usual / _MOST_CHANGE), usual * _MOST_CHANGE)
        keep = 1.0 - tokens / _KEEP_TOKENS
        self._tokens = keep * self._tokens + tokens
        self._seconds = keep * self._seconds + seconds

    def reading(self, time: float) -> float | None:
        """The clock in tokens; None before the pace is known.

        ``time`` (seconds) is the present, or any time before the pace was known.
        """
        if self._first is None:
            return None
        if time <= self._first:
            return (time - self._first) * self._first_rate
        self._advance(time)
        return self._count

    @property
    def rate(self) -> float | None:
        """Tokens a second that an answer gets at present; None before the pace is known."""
        return None if self._first is None else self._rate

    @property
    def _rate(self) -> float:
        return self._tokens / self._seconds

    def _advance(self, now: float) -> None:
        if now > self._until:
            self._count += (now - self._until) * self._rate
            self._until = now
