"""ToAll: sends a request that steers engines to every worker, where the configuration allows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.clients.held_answers import ComingAnswer
from gateway.config.settings import Config
from gateway.protocol.errors import ApiError
from gateway.protocol.headers import Headers, returned
from gateway.requests.model_names import ModelNames
from gateway.requests.refusals import WorkerErrorRelayed
from gateway.requests.rejections import no_healthy_worker, request_timeout, time_limit
from gateway.requests.relay import Relay
from gateway.requests.whole_answer import answer_too_large, read_up_to
from gateway.workers.failures import FAILURES, reason
from gateway.workers.fleet import Fleet
from gateway.workers.member import ANY_MODEL, Member

log = logging.getLogger("lengthwise")

NOT_ASKED = b"x-workers-not-asked"


@dataclass(frozen=True, slots=True)
class WorkerAnswer:
    """A worker's whole answer."""

    status: int
    headers: Headers
    body: bytes


@dataclass(slots=True)
class ToAll:
    """Sends requests to every healthy worker at the same time, and waits for all of them."""

    config: Config
    fleet: Fleet
    models: ModelNames

    async def run(self, relay: Relay) -> None:
        """Carry one request to its end. The answer is the first error, or the first worker's.

        The header ``X-Workers-Not-Asked``, also of an error, names the workers that are down.

        Raises:
            ApiError: a worker did not answer, or none is healthy.
            WorkerErrorRelayed: the answer was a worker's own error.
        """
        members = [member for member in self.fleet.members if member.healthy]
        not_asked = self._not_asked(members)
        try:
            answer = await self._ask_all(relay, members)
        except ApiError as error:
            error.headers = not_asked
            raise
        headers = [*answer.headers, *not_asked]
        await relay.reply.whole(answer.status, headers, answer.body)
        if answer.status >= 400:
            raise WorkerErrorRelayed(answer.status)

    async def _ask_all(self, relay: Relay, members: Sequence[Member]) -> WorkerAnswer:
        """The first error of these members, or the first one's answer.

        Raises:
            ApiError: a member did not answer, or there is none.
        """
        if not members:
            raise no_healthy_worker(ANY_MODEL, self.config, self.fleet.trouble(ANY_MODEL))
        try:
            async with asyncio.timeout_at(time_limit(relay.record, self.config)):
                asked = (_ask(relay, member) for member in members)
                found = await asyncio.gather(*asked, return_exceptions=True)
                await self.models.refresh()  # a request may have loaded an adapter
        except TimeoutError:
            raise request_timeout(relay.record, self.config) from None
        answers = [_answer(one) for one in found]
        return next((answer for answer in answers if answer.status >= 400), answers[0])

    def _not_asked(self, asked: Sequence[Member]) -> Headers:
        """The header that names the members without these and those that leave; [] for none."""
        left_out = [m.id for m in self.fleet.members if m not in asked and not m.leaving]
        if not left_out:
            return []
        log.warning("not asked, since down: %s", ", ".join(left_out))
        return [(NOT_ASKED, ", ".join(left_out).encode())]


def _answer(found: WorkerAnswer | BaseException) -> WorkerAnswer:
    if isinstance(found, BaseException):
        raise found
    return found


async def _ask(relay: Relay, member: Member) -> WorkerAnswer:
    sent = member.backend.request(relay.method, relay.path, relay.headers, relay.request.body)
    path = relay.path.partition("?")[0]  # a query may hold a key
    try:
        async with sent as response:
            body, complete = await read_up_to(
                response, relay.bounds.max_answer_bytes, ComingAnswer()
            )
            if not complete:
                raise answer_too_large(relay.bounds)
            log.info("worker %s: %s %s: %s", member.id, relay.method, path, response.status)
            return WorkerAnswer(response.status, returned(response.raw_headers), body)
    except FAILURES as error:
        log.warning("worker %s: %s %s: %s", member.id, relay.method, path, reason(error))
        raise ApiError(
            502,
            f"Worker {member.id} did not answer. Other workers may have carried the request out.",
            code="worker_failed",
        ) from error
