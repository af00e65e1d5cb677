"""Relay: sends one request to a worker, and passes the worker's answer on to the client."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from gateway.protocol.errors import ApiError
from gateway.protocol.headers import returned, without_buffering
from gateway.protocol.openai import ApiRequest
from gateway.protocol.reply import Reply
from gateway.protocol.sse import EventStream, Usage, is_error
from gateway.scheduling.dispatcher import Slot
from gateway.workers.backend import FAILURES
from gateway.workers.fleet import Fleet
from gateway.workers.member import Member
from scheduler.job import REPORT_TOKENS
from scheduler.records import RequestRecord

log = logging.getLogger("lengthwise")


class WorkerFailed(Exception):
    """The worker failed before the first byte of the answer had reached the client."""


@dataclass(slots=True)
class Relay:
    """One request between its client and its worker.

    Until the first byte of an answer has gone to the client, another worker may be tried.
    """

    request: ApiRequest
    method: str
    path: str
    """Path and query, encoded as the client sent them."""
    headers: Mapping[str, str]
    """Headers for the worker."""
    reply: Reply
    record: RequestRecord
    fleet: Fleet
    usage: Usage = field(default_factory=Usage)
    tokens: int = 0
    """Tokens of a stream so far: a lower bound, since an event may hold several tokens."""

    @property
    def output_tokens(self) -> int | None:
        """Tokens of all sequences so far, by the worker's count or by events; None: unknown."""
        return self.usage.output_tokens or self.tokens or None

    async def forward(self, slot: Slot, worker_id: str, priority: int | None) -> int:
        """Send the request to a worker and relay the answer; returns the answer's status.

        Raises:
            WorkerFailed: the worker failed, and nothing has reached the client.
            ApiError: the worker failed in mid-stream.
        """
        member = self.fleet[worker_id]
        try:
            return await self._send(slot, member, self.request.for_worker(priority))
        except FAILURES as error:
            self.fleet.health.suspect(member)
            log.warning("worker %s failed request %s: %r", worker_id, self.reply.request_id, error)
            if not self.reply.started:
                raise WorkerFailed from error
            raise ApiError(
                502,
                "The worker failed in the middle of the answer. Send the request again.",
                code="worker_failed",
            ) from error

    async def _send(self, slot: Slot, member: Member, body: bytes) -> int:
        backend = member.backend
        async with backend.session.request(
            self.method,
            URL(backend.id + self.path, encoded=True),
            data=body or None,
            headers={**self.headers, **backend.authorization()},
        ) as response:
            if response.content_type == "text/event-stream":
                return await self._relay_events(slot, member, response)
            answer = await response.read()
            if response.status >= 500 and not await self.fleet.health.still_healthy(member):
                raise aiohttp.ClientPayloadError(f"status {response.status} and not healthy")
            self._read_usage(response, answer)
            await self.reply.whole(response.status, returned(response.raw_headers), answer)
            return response.status

    def _read_usage(self, response: aiohttp.ClientResponse, answer: bytes) -> None:
        if response.content_type == "application/json" and response.status == 200:
            try:
                self.usage.read(json.loads(answer))
            except ValueError:
                log.warning("request %s: the answer is not JSON", self.reply.request_id)

    async def _relay_events(
        self, slot: Slot, member: Member, response: aiohttp.ClientResponse
    ) -> int:
        """Pass each event on at once. The headers wait for the first event.

        Returns the answer's status; 500 for a stream that contained an error.
        """
        stream = EventStream(hide_usage=not self.request.wants_usage, usage=self.usage)
        reported = 0
        async for data in response.content.iter_any():
            events = list(stream.feed(data))
            if not events:
                continue
            if not self.reply.started:
                if is_error(events[0]) and not await self.fleet.health.still_healthy(member):
                    raise aiohttp.ClientPayloadError("an error event, and not healthy")
                await self._start_stream(response)
            self.record.last_token = asyncio.get_running_loop().time()
            self.tokens = stream.tokens
            await self.reply.write(b"".join(events))
            if stream.tokens - reported >= REPORT_TOKENS * slot.job.sequences:
                reported = stream.tokens
                slot.progress(stream.tokens // slot.job.sequences)
        if not self.reply.started:
            raise aiohttp.ClientPayloadError("the stream ended before its first event")
        self.usage.output_tokens = self.usage.output_tokens or stream.tokens
        await self.reply.finish(stream.rest)
        return 500 if stream.failed else response.status

    async def _start_stream(self, response: aiohttp.ClientResponse) -> None:
        self.record.first_token = asyncio.get_running_loop().time()
        headers = without_buffering(returned(response.raw_headers))
        await self.reply.start(response.status, headers)
