"""Cooling: tells workers' cooldowns what became of requests, and the scheduler of the cooldowns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from gateway.workers.attempts import Attempt, Work
from gateway.workers.cooldown import TRIAL_S
from gateway.workers.member import Member

log = logging.getLogger("lengthwise")


@dataclass(frozen=True, slots=True)
class Cooling:
    """Notes refusals, failures and answers of requests.

    ``generates``: whether the request asked for generated text. ``begun``: when it was sent, in
    seconds of ``monotonic``.
    """

    respec: Callable[[Member], None]
    """Gives the scheduler the present spec of a worker."""

    @contextmanager
    def trying(
        self,
        member: Member,
        work: Work | None,
        *,
        streams: bool = False,
        movable: Callable[[], bool] = lambda: False,
    ) -> Iterator[Attempt | None]:
        """For the length of a request: what the worker makes of it is noted.

        A worker that keeps a request for ``TRIAL_S`` ends its trial. ``work`` is None for a request
        that generates nothing; ``movable`` tells whether another worker may still get it.
        """
        with self._keeping(member, generates=work is not None):
            if work is None:
                yield None
                return
            with member.attempts.attempt(work, streams=streams, movable=movable) as attempt:
                yield attempt

    @contextmanager
    def _keeping(self, member: Member, *, generates: bool) -> Iterator[None]:
        begun = monotonic()
        if not member.on_trial:
            yield
            return

        def kept() -> None:
            self._change(member, lambda: member.cooldown.kept(begun, generates=generates))

        timer = asyncio.get_running_loop().call_later(TRIAL_S, kept)
        try:
            yield
        finally:
            timer.cancel()

    def refused(self, member: Member, retry_after: float | None, *, generates: bool) -> None:
        """Note that a worker takes no requests now, for ``retry_after`` seconds if it says so."""
        now = monotonic()
        self._note(member, lambda: member.cooldown.refused(now, retry_after, generates=generates))

    def failed(self, member: Member, begun: float, *, generates: bool) -> None:
        """Note that a worker failed a request."""
        now = monotonic()
        if generates:
            member.attempts.result(begun, good=False)
        self._note(member, lambda: member.cooldown.failed(now, begun, generates=generates))

    def answered(self, member: Member, begun: float, *, generates: bool) -> None:
        """Note that a worker answers a request."""
        if generates:
            member.attempts.result(begun, good=True)
        self._change(member, lambda: member.cooldown.answered(begun, generates=generates))

    def ejected(self, member: Member, why: str, proof: int = 1) -> None:
        """Note that a worker does much worse than the others; ``proof``: answers of its trial."""
        log.warning("worker %s %s", member.id, why)
        now = monotonic()
        self._note(member, lambda: member.cooldown.ejected(now, why, proof))

    def passed(self, member: Member) -> None:
        """Note that a worker on trial does as well as the others."""
        log.info("worker %s answers as the others do again", member.id)
        self._change(member, member.cooldown.passed)

    def _change(self, member: Member, note: Callable[[], None]) -> None:
        """Note what may end a trial."""
        on_trial = member.on_trial
        note()
        if on_trial and not member.on_trial:
            self.respec(member)

    def _note(self, member: Member, note: Callable[[], None]) -> None:
        """Note a refusal or failure. A cooldown that begins is told the scheduler and the log."""
        cooling = member.cooling
        note()
        if cooling or not member.cooling:
            return
        left = member.cooldown.left(monotonic())
        log.warning(
            "worker %s refuses or fails requests: for %.1f s it gets none that another can take",
            member.id,
            left,
        )
        self.respec(member)
        asyncio.get_running_loop().call_later(left, self._end, member)

    def _end(self, member: Member) -> None:
        left = member.cooldown.left(monotonic())
        if left > 0:  # a later refusal asked for more, or the timer was early
            asyncio.get_running_loop().call_later(left, self._end, member)
        else:
            self.respec(member)
