"""Outliers: workers that do much worse than the others get no requests that another can take.

A worker with a good ``/health`` may hang, fail every third request or crawl. So each is compared
with the other workers of its models, by what became of the requests there (``attempts.py``).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from statistics import median_high
from time import monotonic
from typing import Literal

from gateway.metrics import Metrics
from gateway.workers.attempts import Attempt, Figures
from gateway.workers.failures import ExchangeEnded
from gateway.workers.fleet import Fleet
from gateway.workers.member import Member

log = logging.getLogger("lengthwise")

TICK_S = 0.5
"""Seconds between two judgements."""

LATE_S = 1.0
"""Seconds by which a judgement that comes late tells that the gateway itself was held up: it is no
witness then of who was silent."""

SILENCE_S = 5.0
"""Seconds without any event or answer that no working server needs while others go on."""

MANY_FIRST = 8.0
"""Times the others' time to the first token, at nine of ten requests, that is no mere delay."""

MANY_WHOLE = 4.0
"""The same for whole answers, whose length is forecast so that nineteen of twenty are shorter."""

SLOW = 5.0
"""Times the others' time for each token at which a worker is slow. Batches of different sizes
differ by less."""

FAILING = 0.15
"""Share of failed requests from which on a worker may be failing."""

WORSE = 3.0
"""Times the others' share of failed requests from which on a worker is failing."""

EVIDENCE = 5
"""Answers or failures that a judgement needs. On trial one is enough, or two failures."""

LONG_TRIAL_S = 5.0
"""Seconds of a stream on trial after which the trial is passed before the stream ends."""

MOST_PROOF, MOST_PROOF_S = 10, 10.0
"""Answers, and seconds, of the longest trial of a worker that failed a part of its requests."""

Kind = Literal["hangs", "fails", "is slow"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a worker."""

    kind: Kind
    why: str
    overdue: tuple[Attempt, ...] = ()
    """The requests that hang."""
    proof: int = 1
    """Answers that show that it is over."""


@dataclass(frozen=True, slots=True)
class Outliers:
    """Judges the workers at intervals."""

    fleet: Fleet
    metrics: Metrics
    take_retry: Callable[[], bool]
    """Counts a retry against the gateway's budget, if one is left."""

    async def watch(self) -> None:
        """Judge the workers, until cancelled."""
        blind_until = -math.inf
        while True:
            begun = monotonic()
            await asyncio.sleep(TICK_S)
            now = monotonic()
            if now - begun > TICK_S + LATE_S:  # what has come meanwhile has not been read
                blind_until = now + SILENCE_S
            if now >= blind_until:
                self.judge(now)

    def judge(self, now: float) -> None:
        """Judge every worker once, and move requests from those that hang."""
        figures = {member.id: member.attempts.figures(now) for member in self.fleet.members}
        for member in self.fleet.members:
            attempts = member.attempts
            if not member.takes_jobs or not (attempts.running or attempts.results):
                continue
            others = self._others(member)
            theirs = [_scaled(figures[other.id], other) for other in others]
            if not theirs:
                continue
            verdict = judged(member, _scaled(figures[member.id], member), theirs, now)
            if verdict is None:
                self._pass(member, now)
                continue
            if not member.cooling or verdict.kind == "fails":
                self._eject(member, others, verdict)
            if verdict.kind == "hangs":
                self._move(member, others, verdict)

    def _others(self, member: Member) -> list[Member]:
        """The other workers that may take the member's requests."""
        models = member.backend.models.keys()
        return [
            other
            for other in self.fleet.members
            if other is not member and other.takes_jobs and models & other.backend.models.keys()
        ]

    def _eject(self, member: Member, others: list[Member], verdict: Verdict) -> None:
        """Give a worker no requests for a while. Half of the workers stay, or one for a hang."""
        left = sum(not other.cooling for other in others)
        if not left or (verdict.kind != "hangs" and 2 * left < len(others) + 1):
            return
        self.fleet.health.cooling.ejected(member, verdict.why, verdict.proof)
        self.metrics.ejections.labels(member.id, verdict.kind).inc()
        member.attempts.forget(member.cooldown.until)

    def _pass(self, member: Member, now: float) -> None:
        """End the trial of a worker that has answered a request as the others do."""
        cooldown, attempts = member.cooldown, member.attempts
        if not cooldown.strict or not cooldown.on_trial(now):
            return
        if attempts.newest_answered < cooldown.until:
            return
        proven = attempts.good_since(cooldown.until) >= cooldown.proof
        if not proven and now < cooldown.until + MOST_PROOF_S:
            return
        if attempts.paces or any(now - a.begun > LONG_TRIAL_S for a in attempts.running):
            self.fleet.health.cooling.passed(member)

    def _move(self, member: Member, others: list[Member], verdict: Verdict) -> None:
        """Try the requests that hang elsewhere, as far as the gateway's retries go."""
        if all(other.cooling for other in others):
            return
        for attempt in verdict.overdue:
            attempt.judged = True
            if attempt.last > -math.inf or not attempt.movable():
                continue
            if not self.take_retry():
                attempt.judged = False
                return
            attempt.exchange.end(ExchangeEnded(f"the worker {verdict.why}"))


def _scaled(figures: Figures, member: Member) -> Figures:
    """Figures of a worker as if its speed were 1."""
    speed = member.backend.config.speed
    if speed == 1.0:
        return figures
    pace = None if figures.pace is None else figures.pace * speed
    return replace(figures, first=figures.first * speed, whole=figures.whole * speed, pace=pace)


def judged(member: Member, own: Figures, others: list[Figures], now: float) -> Verdict | None:
    """What is wrong with a worker, compared with the others; None for nothing."""
    return (
        _hangs(member, others, now)
        or _fails(member, own, others, now)
        or _slow(member, own, others)
    )


def _hangs(member: Member, others: list[Figures], now: float) -> Verdict | None:
    """Whether requests have waited for too long, and the worker says nothing at all.

    Others must have answered requests that came later. One request alone may be the cause itself:
    then it takes longer.
    """
    if now - member.attempts.last_sign < SILENCE_S:
        return None
    limit = _limits(member, others)
    overdue = tuple(
        attempt
        for attempt in member.attempts.running
        if not attempt.judged and now - max(attempt.begun, attempt.last) > limit(attempt)
    )
    if not overdue:
        return None
    waited = now - min(attempt.begun for attempt in overdue)
    if not any(other.newest_answered > now - waited for other in others):
        return None
    if len(overdue) == 1 and not member.cooldown.strict and waited < 2 * SILENCE_S:
        return None
    return Verdict(
        "hangs",
        f"hangs: {len(overdue)} requests got nothing, one of them for {waited:.1f} s, while other "
        "workers answer",
        overdue,
    )


def _limits(member: Member, others: list[Figures]) -> Callable[[Attempt], float]:
    """How long an attempt may show nothing (seconds), by the slowest of the others."""
    speed = member.backend.config.speed
    first = MANY_FIRST * max(other.first for other in others) / speed
    whole = MANY_WHOLE * max(other.whole for other in others) / speed
    generates = member.generates

    def limit(attempt: Attempt) -> float:
        if attempt.streams and attempt.last > -math.inf:  # it has begun: any token
            return SILENCE_S
        if attempt.streams and first:
            return max(SILENCE_S, first * (attempt.work.prompt + 1.0))
        most = attempt.work.longest if generates and not attempt.streams else attempt.work.most
        return max(SILENCE_S, whole * most) if whole else math.inf

    return limit


def _fails(member: Member, own: Figures, others: list[Figures], now: float) -> Verdict | None:
    """Whether a worker fails a larger part of its requests than the others do."""
    if own.failures < (2 if member.cooldown.ejections else EVIDENCE) or own.share < FAILING:
        return None
    if member.attempts.newest_failed < member.cooldown.tried_since(now):  # they were before
        return None
    if own.share < WORSE * max(other.share for other in others):
        return None
    why = f"fails {own.share:.0%} of its requests, and others do not"
    return Verdict("fails", why, proof=min(MOST_PROOF, ceil(2.0 / own.share)))


def _slow(member: Member, own: Figures, others: list[Figures]) -> Verdict | None:
    """Whether a worker takes several times as long for each token as the others do."""
    paces = [other.pace for other in others if other.pace and other.answers >= EVIDENCE]
    enough = own.answers >= (1 if member.cooldown.ejections else EVIDENCE)
    if not enough or not paces or not own.pace:
        return None
    times = own.pace / median_high(paces)
    if times < SLOW:
        return None
    return Verdict("is slow", f"is slow: {times:.0f} times the others' time for each token")
