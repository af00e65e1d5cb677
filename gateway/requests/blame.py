"""Blame: whether a worker or the request itself is at fault where an attempt has failed.

A request can be the cause of an error, and must not cost the workers that it is tried on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp

from gateway.protocol.openai import ApiRequest
from gateway.requests.refusals import WorkerRefused, read_refusal
from gateway.workers.answer import Answer
from gateway.workers.attempts import Attempt, Work
from gateway.workers.cooldown import BROKEN, BUSY, retry_after
from gateway.workers.credentials import gateway_is_refused
from gateway.workers.health import HealthMonitor
from gateway.workers.member import Member
from scheduler.job import Job

ABSENT = 404
"""Status of a worker that does not have what a request names."""


@dataclass(slots=True)
class Blame:
    """The failed attempts of one request. Times are seconds of ``monotonic``."""

    health: HealthMonitor
    begun: float = 0.0
    """When the request went to the present worker."""
    generates: bool = False
    """Whether the present worker is to generate: a request beside the queue makes it do nothing."""
    _held: list[tuple[Member, float]] = field(default_factory=list)
    """Workers whose failure counts once another answers the request, and when each got it."""
    _broken: list[tuple[Member, float]] = field(default_factory=list)
    """Workers whose connection broke, as ``_held``; the first one's failure has been counted."""
    _progress: int = 0
    """How far the answer of the present worker has come."""
    _attempt: Attempt | None = None
    """The request at the present worker, if it is to generate."""

    def begin(self, begun: float, *, generates: bool) -> None:
        """Note that the request goes to a worker."""
        self.begun, self.generates, self._progress = begun, generates, 0

    @contextmanager
    def trying(
        self, member: Member, job: Job | None, *, streams: bool, movable: Callable[[], bool]
    ) -> Iterator[None]:
        """For the length of an attempt, which the worker is judged by. ``job``: None for a request
        that generates nothing."""
        work = None
        if job is not None:
            most = min(job.most_tokens, job.length.quantile(0.95))
            work = Work.of(job.prompt_tokens, most, job.most_tokens)
        try:
            with self.health.cooling.trying(
                member, work, streams=streams, movable=movable
            ) as self._attempt:
                yield
        finally:
            self._attempt = None  # it knows of the request, which only a collection would free

    def saw(self, member: Member, progress: int) -> None:
        """Note how far the answer has come. Comments and the like prove nothing."""
        if progress > self._progress and self._attempt is not None:
            member.attempts.saw(self._attempt)
        self._progress = progress

    def ended(self, member: Member, tokens: float) -> None:
        """Note that the whole answer has come, of so many tokens in its longest sequence."""
        if self._attempt is not None:
            member.attempts.ended(self._attempt, tokens)

    def cut(self, member: Member) -> None:
        """Note a stream that ended before the answer did."""
        self.health.cooling.failed(member, self.begun, generates=self.generates)

    def failed(self, member: Member) -> None:
        """Note an answer of a server error.

        It counts at once on trial: the worker has failed other requests.
        """
        if member.on_trial:
            self.health.cooling.failed(member, self.begun, generates=self.generates)
        else:
            self._held.append((member, self.begun))

    def broke(self, member: Member) -> bool:
        """Note a broken connection. A request that breaks several workers is to blame itself.

        Returns whether a worker that was well lost the request together with others.
        """
        moved = member.cooldown.broke_after(self.begun)
        self._broken.append((member, self.begun))
        if len(self._broken) == 1:
            self.health.cooling.failed(member, self.begun, generates=self.generates)
        elif len(self._broken) == 2:
            self._broken[0][0].cooldown.pardoned(generates=self.generates)
        return moved

    def answered(self, member: Member, status: int) -> None:
        """Note that a worker answers the request: those that failed it are at fault.

        An error, such as of a wrong field, proves nothing.
        """
        if status >= 400:
            return
        self.health.cooling.answered(member, self.begun, generates=self.generates)
        broken = self._broken if len(self._broken) > 1 else []
        for other, sent in [*self._held, *broken]:
            if other is not member:
                self.health.cooling.failed(other, sent, generates=self.generates)
        self._held, self._broken = [], []

    def refuses(self, member: Member, status: int, request: ApiRequest) -> bool:
        """Whether an answer of this status says that the worker is busy or at fault.

        A worker that has listed the model and answers 404 has lost the model, unless the request
        names a stored response too.
        """
        names_more = request.fields.get("previous_response_id") is not None
        lost = status == ABSENT and self.generates and not names_more
        return lost or status in BUSY | BROKEN or gateway_is_refused(member.backend.config, status)

    async def refusal(self, member: Member, response: Answer) -> WorkerRefused:
        """Note a refusal at once, and read its body, which may stall.

        Raises:
            FAILURES: the worker is not healthy.
        """
        if response.status in BUSY:
            asked = retry_after(response.headers.get("Retry-After"))
            self.health.cooling.refused(member, asked, generates=self.generates)
        body = await read_refusal(response)
        await self.check_health(member, response.status)
        if response.status == ABSENT:
            self._held.append((member, self.begun))
        elif response.status not in BUSY:
            self.failed(member)
        return WorkerRefused(member, response, body)

    async def check_health(self, member: Member, status: int) -> None:
        """Fail for a server error of a worker that is not healthy.

        Raises:
            FAILURES: another worker may do better.
        """
        if status >= 500 and not await self.health.still_healthy(member):
            raise aiohttp.ClientPayloadError(f"status {status} and not healthy")
