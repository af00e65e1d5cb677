"""Attempts: the requests at one worker, and how it has treated the recent ones.

They are what a worker is judged by, beside its probes: see ``outliers.py``.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from typing import TypeVar

from gateway.workers.exchanges import Exchange

T = TypeVar("T", bool, float)

KEPT = 64
"""Recent figures of each kind that are kept."""

RECENT_S = 60.0
"""Seconds after which a figure says nothing of the present."""

_BASE_TOKENS = 256
"""Prompt tokens that cost as much as the handling of any request."""

_PREFILL = 100.0
"""Prompt tokens that cost about as much time as one output token."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a request asks of a worker, in the time of output tokens."""

    prompt: float
    """Work before the first token."""
    most: float
    """All the work of an answer that is as long as nineteen of twenty."""
    longest: float
    """All the work of the longest answer that the request allows."""

    @classmethod
    def of(cls, prompt_tokens: float, most_tokens: float, longest_tokens: float) -> Work:
        """The work of so many tokens."""
        prompt = (prompt_tokens + _BASE_TOKENS) / _PREFILL
        return cls(prompt, prompt + most_tokens, prompt + longest_tokens)


@dataclass(slots=True, eq=False)
class Attempt:
    """One request at a worker. All times are seconds of ``monotonic``."""

    begun: float
    work: Work
    streams: bool
    """Whether each token is to come at once."""
    movable: Callable[[], bool]
    """Whether the request may go to another worker now."""
    exchange: Exchange
    last: float = -math.inf
    """When the last event of the answer came; before the first event, minus infinity."""
    judged: bool = False
    """Whether the worker has already been judged by this attempt."""


@dataclass(slots=True)
class Attempts:
    """The attempts at one worker that are not answered in whole, and figures of the recent ones."""

    running: set[Attempt] = field(default_factory=set)
    firsts: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Time, and seconds for each unit of work, of the first events of streams."""
    paces: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Time, and seconds for each unit of work, of whole answers."""
    results: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Time of each answer (True) and failure (False)."""
    last_sign: float = -math.inf
    """When the worker last sent an event or a whole answer."""
    newest_answered: float = -math.inf
    """When the newest of the attempts was sent of which some answer has come."""
    newest_failed: float = -math.inf
    """When the newest of the attempts was sent that failed."""
    _since: float = -math.inf
    """What was sent before is not noted: the worker has been judged by it."""
    _exchanges: set[Exchange] = field(default_factory=set)

    @contextmanager
    def attempt(
        self, work: Work, *, streams: bool, movable: Callable[[], bool]
    ) -> Iterator[Attempt]:
        """An attempt for the length of the block, which ends early when its exchange is ended."""
        with Exchange(self._exchanges) as exchange:
            attempt = Attempt(monotonic(), work, streams, movable, exchange)
            self.running.add(attempt)
            try:
                yield attempt
            finally:
                self.running.discard(attempt)

    def saw(self, attempt: Attempt) -> None:
        """Note an event of an answer."""
        now = monotonic()
        if attempt.last == -math.inf and attempt.begun >= self._since:
            if attempt.streams:
                self.firsts.append((now, (now - attempt.begun) / (attempt.work.prompt + 1.0)))
            self.newest_answered = max(self.newest_answered, attempt.begun)
        attempt.last = self.last_sign = now

    def ended(self, attempt: Attempt, tokens: float) -> None:
        """Note a whole answer of so many tokens, of the longest sequence."""
        now = self.last_sign = monotonic()
        if attempt.begun >= self._since:
            self.paces.append((now, (now - attempt.begun) / (attempt.work.prompt + tokens)))
            self.newest_answered = max(self.newest_answered, attempt.begun)

    def result(self, begun: float, *, good: bool) -> None:
        """Note that a request sent at ``begun`` is answered, or has failed."""
        if begun >= self._since:
            self.results.append((monotonic(), good))
            if not good:
                self.newest_failed = max(self.newest_failed, begun)

    def good_since(self, time: float) -> int:
        """The number of answers, of which at least the beginning came after this time."""
        return sum(good and when >= time for when, good in self.results)

    def forget(self, since: float) -> None:
        """Forget how the worker has treated requests, and note only those sent from ``since``."""
        self._since = since
        self.firsts.clear()
        self.paces.clear()
        self.results.clear()

    def figures(self, now: float) -> Figures:
        """What the recent attempts tell."""
        firsts, paces = _recent(self.firsts, now), _recent(self.paces, now)
        results = _recent(self.results, now)
        failures = results.count(False)
        return Figures(
            first=_high(firsts),
            whole=_high(paces),
            pace=median(paces) if paces else None,
            answers=len(paces),
            failures=failures,
            share=failures / len(results) if results else 0.0,
            newest_answered=self.newest_answered,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """How a worker has treated its requests of the last minute."""

    first: float = 0.0
    """Seconds to the first event, for each unit of work, which nine of ten do not exceed."""
    whole: float = 0.0
    """The same for whole answers; 0 without any."""
    pace: float | None = None
    """Median of seconds for each unit of work, of whole answers."""
    answers: int = 0
    """The number of whole answers."""
    failures: int = 0
    """The number of failures."""
    share: float = 0.0
    """Their part of all results, 0 to 1."""
    newest_answered: float = -math.inf
    """When the newest request was sent of which some answer has come."""


def _recent(figures: deque[tuple[float, T]], now: float) -> list[T]:
    """The figures of the last ``RECENT_S``, in ascending order."""
    return sorted(value for time, value in figures if now - time <= RECENT_S)


def _high(ordered: list[float]) -> float:
    """The value that nine of ten do not exceed; 0 without any."""
    return ordered[int(0.9 * (len(ordered) - 1))] if ordered else 0.0
