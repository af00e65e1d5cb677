"""EventRelay: passes a worker's stream of events on to the client, to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from gateway.protocol.errors import ApiError
from gateway.protocol.event_stream import EventStream
from gateway.protocol.headers import returned, without_buffering
from gateway.protocol.reply import Reply
from gateway.requests.refusals import WorkerRefused, read_refusal
from gateway.requests.time_limits import TimeLimits
from gateway.scheduling.dispatcher import Slot
from gateway.workers.answer import Answer
from gateway.workers.failures import FAILURES
from gateway.workers.health import HealthMonitor
from gateway.workers.member import Member
from scheduler.job import REPORT_TOKENS
from scheduler.records import RequestRecord

log = logging.getLogger("lengthwise")

PIECE_BYTES = 8192
"""Bytes of events that are read at once: a millisecond's work. Streams that bring more take turns
from piece to piece, so that hundreds of them hold nobody up."""


@dataclass(slots=True)
class EventRelay:
    """One stream between its worker and its client."""

    stream: EventStream
    reply: Reply
    record: RequestRecord
    slot: Slot | None
    member: Member
    health: HealthMonitor
    limits: TimeLimits
    on_events: Callable[[bytes], None]
    """Called with what goes to the client, before it goes."""
    _held: bytes = b""
    """Comments before the first event, for a client that has not asked for a stream: another worker
    may still give it a whole answer."""
    _reported: int = 0
    """Tokens of each sequence that the scheduler knows of."""

    async def run(self, response: Answer) -> None:
        """Pass each event on at once, but no end. The headers wait for the first event.

        Raises:
            FAILURES: the worker failed, or not one event came.
            ApiError: the stream ended before the answer did.
        """
        try:
            async for data in response.content.iter_any():
                if len(data) <= PIECE_BYTES:
                    await self._pass_on(self.stream.feed(data), response)
                    continue
                for start in range(0, len(data), PIECE_BYTES):
                    shown = await self._fed_in_turn(data[start : start + PIECE_BYTES])
                    await self._pass_on(shown, response)
        except FAILURES:
            # An answer that has gone out to its last event is whole, whatever breaks after it.
            if not (self.reply.answering and self.stream.reader.done):
                raise
        rest = self.stream.end()
        if not self.stream.events:
            raise aiohttp.ClientPayloadError("the stream ended before its first event")
        self._check_end(response)
        await self._pass_on(rest, response)

    async def _fed_in_turn(self, piece: bytes) -> bytes:
        """What to pass on of one piece, of which the event loop reads one in each round."""
        async with self.limits.exchanges.turn:
            await asyncio.sleep(0)
            return self.stream.feed(piece)

    async def _pass_on(self, shown: bytes, response: Answer) -> None:
        if not shown:
            return
        shown, self._held = self._held + shown, b""
        if self._may_hold(shown):
            self._held = shown
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self.stream.events and not self.reply.answering:
            await self._check_first(shown, response)
            self.reply.answering, self.record.first_token = True, now
        if not self.reply.started:
            headers = without_buffering(returned(response.raw_headers))
            await self.reply.start(response.status, headers)
        self.record.last_token = now
        self.reply.inside_event = self.stream.inside
        self.on_events(shown)
        self.limits.pause()
        await self.reply.write(shown)
        self.limits.resume(self.stream.reader, loop.time())
        self._report()

    def _may_hold(self, shown: bytes) -> bool:
        """Whether what has come may wait for the first event."""
        unasked = self.limits.request.generates and not self.limits.request.stream
        none_yet = not self.stream.events and not self.reply.started
        return unasked and none_yet and len(shown) <= PIECE_BYTES

    async def _check_first(self, shown: bytes, response: Answer) -> None:
        """Fail for an error or an end before anything else.

        Raises:
            FAILURES: the worker is not healthy, or has answered nothing.
            WorkerRefused: the worker failed the request; another may do better.
        """
        reader = self.stream.reader
        empty = not (reader.tokens or reader.error_status or reader.usage.finish_reasons)
        if self.stream.events == 1 and reader.done and empty:
            raise aiohttp.ClientPayloadError("the stream ended before its first token")
        if reader.error_status is None:
            return
        if not await self.health.still_healthy(self.member):
            raise aiohttp.ClientPayloadError("an error event, and not healthy")
        if reader.error_status >= 500:
            rest = await read_refusal(response)
            body = None if rest is None else shown + rest
            raise WorkerRefused(self.member, response, body, reader.error_status)

    def _report(self) -> None:
        """Tell the scheduler how far the stream has come."""
        if self.slot is None:
            return
        reader = self.stream.reader
        attained, running = reader.longest, reader.running
        if attained - self._reported >= REPORT_TOKENS or running < self.slot.job.most_running:
            self._reported = attained
            self.slot.progress(attained, running)

    def _check_end(self, response: Answer) -> None:
        """Fail for an answer without an end.

        Raises:
            ApiError: the stream ended before the answer did.
        """
        reader = self.stream.reader
        if not reader.judges_ends or reader.ended or response.status >= 400:
            return
        self.member.probe_now.set()
        log.warning("worker %s cut request %s short", self.member.id, self.reply.request_id)
        raise ApiError(
            502,
            "The worker's stream ended before the answer did: neither a finish reason nor a last "
            "event has come. Send the request again.",
            code="worker_failed",
        )
