"""Relay: sends one request to a worker, and passes the worker's answer on to the client."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from time import monotonic

from gateway.protocol.errors import ApiError
from gateway.protocol.event_stream import EventStream
from gateway.protocol.generating import reader_for
from gateway.protocol.headers import returned
from gateway.requests.agent_hints import with_agent_hints
from gateway.requests.blame import Blame
from gateway.requests.event_relay import EventRelay
from gateway.requests.refusals import WorkerFailed, WorkerRefused, cut_refusal, told_in_stream
from gateway.requests.rejections import worker_broke_off, worker_redirects
from gateway.requests.relayed_request import UNREAD, RelayedRequest
from gateway.requests.time_limits import Overdue, TimeLimits
from gateway.requests.whole_answer import (
    HELD_BYTES,
    answer_too_large,
    pass_in_parts,
    read_up_to,
    read_whole,
)
from gateway.scheduling.dispatcher import Slot
from gateway.workers.answer import Answer
from gateway.workers.carrying import sent_to
from gateway.workers.failures import FAILURES, WorkerRedirects, reason
from gateway.workers.member import Member

log = logging.getLogger("lengthwise")


@dataclass(slots=True)
class Relay(RelayedRequest):
    """One request between its client and a worker: until an answer has begun, any of them."""

    _sent: float = 0.0
    """When the request went to the present worker, on the clock of ``monotonic``."""
    _blame: Blame = field(init=False)
    _limits: TimeLimits = field(init=False)

    async def forward(self, slot: Slot | None, worker_id: str, priority: int | None) -> int:
        """Send the request to a worker and relay the answer.

        Returns the answer's status, or that of the error in it. A GET has no ``slot``.

        Raises:
            WorkerFailed: the worker failed, and no part of an answer has reached the client.
            WorkerRefused: another may do better; ``give`` gives the answer to the client.
            ApiError: the worker failed in mid-stream, or its stream had no end.
        """
        member = self.fleet[worker_id]
        if self.reader is UNREAD:
            self._blame = Blame(self.fleet.health)
        self.reader = reader_for(self.request.endpoint, self.request.sequences.total)
        self._sent = monotonic()
        self._blame.begin(self._sent, generates=slot is not None and self.request.generates)
        job, seen = slot.job if slot else None, self.fleet.scheduled(worker_id)
        self._limits = TimeLimits(self.bounds, self.request, job, seen, member.backend.exchanges)
        try:
            return await self._send(slot, member, priority)
        except WorkerRedirects as error:
            log.warning("worker %s, request %s: %s", worker_id, self.reply.request_id, error)
            self._blame.failed(member)
            raise WorkerFailed(worker_redirects(), lasting=True) from error
        except FAILURES as error:
            if self.reader.done and self.reply.answering:  # only the worker's last byte is missing
                return await self._finish_events(200)
            overdue = error.error if isinstance(error, Overdue) else None
            if overdue is None:
                self.fleet.health.suspect(member)
            member.probe_now.set()
            moved = self._blame.broke(member)
            why = reason(error)
            log.warning("worker %s failed request %s: %s", worker_id, self.reply.request_id, why)
            if not self.reply.answering:
                raise WorkerFailed(overdue, moved=moved) from error
            raise (overdue or worker_broke_off()) from error
        except ApiError as error:
            if error.code == "worker_failed":  # the stream was cut
                self._blame.cut(member)
            raise

    async def _send(self, slot: Slot | None, member: Member, priority: int | None) -> int:
        request = self.request
        if slot is not None and self.agent_hints:
            request = with_agent_hints(request, slot.job, priority)
        what = (self.carrier, member.backend, request, self.method, self.path, self.headers)
        sent = sent_to(*what, priority, self._limits.exchange)
        trying = self._blame.trying(
            member,
            slot.job if slot is not None and self._blame.generates else None,
            streams=self.request.generates_stream and not self._limits.may_hold_text_back,
            movable=lambda: self.may_move and not self.reply.answering,
        )
        with trying:
            async with sent as response:
                if self._blame.refuses(member, response.status, self.request):
                    raise await self._blame.refusal(member, response)
                if response.content_type == "text/event-stream" and self.method != "HEAD":
                    return await self._relay_events(slot, member, response)
                most = self.bounds.max_answer_bytes if self.request.generates else HELD_BYTES
                answer, complete = await read_up_to(response, most, self.coming)
                await self._blame.check_health(member, response.status)
                if complete:
                    await self._read(member, response, answer)
                self._blame.answered(member, response.status)
                self._limits.came()
                if complete:
                    return await self._pass_on(member, response, answer)
                if self.request.generates or self.reply.started:
                    response.close()
                    raise answer_too_large(self.bounds)
                await pass_in_parts(response, answer, self.reply, self._limits)
                return response.status

    async def _read(self, member: Member, response: Answer, answer: bytes) -> None:
        """Read a whole answer. ``WorkerRefused``: it answers nothing; another may do better."""
        if response.status != 200 or self.method == "HEAD":
            return
        most = self.bounds.max_answer_bytes
        sound = await read_whole(self.reader, response, answer, self.reply.request_id, most)
        if self._blame.generates and not sound:
            self._blame.failed(member)
            raise WorkerRefused(member, response, answer, self.reader.error_status)
        self._ended(member, response.status)

    def _ended(self, member: Member, status: int) -> None:
        """Note that the whole answer has come."""
        if (self.reader.error_status or status) < 400:
            self._blame.ended(member, (self.output_tokens or 0) / self.request.sequences.total)

    async def give(self, refused: WorkerRefused) -> int:
        """Give the client a worker's refusal as it came; returns its status."""
        if refused.body is not None:
            await self._pass_on(refused.member, refused.response, refused.body)
            return refused.status
        await self.reply.error(cut_refusal(refused.response))
        return refused.response.status

    async def _pass_on(self, member: Member, response: Answer, answer: bytes) -> int:
        """Pass on an answer that is not streamed; returns its status."""
        if self.reply.started:
            error = told_in_stream(response, answer)  # the stream's end: its answer is no stream
            await self.reply.error(error)
            return error.status
        self._learn_owner(member, answer)
        self.reply.answering = True
        headers = returned(response.raw_headers)
        if self.method == "HEAD" and (length := response.headers.get("Content-Length")):
            headers.append((b"content-length", length.encode()))
        self.coming.end()  # from here on it is counted as not taken
        await self.reply.whole(response.status, headers, answer)
        return self.reader.error_status or response.status

    def _learn_owner(self, member: Member, answer: bytes) -> None:
        """Learn where the response is stored, from a whole answer or from the first event."""
        holder = self.admission.holder.name if self.admission is not None else ""
        if self.stored is not None and self.stored.learn(member.id, answer, holder):
            self.stored = None

    def _on_events(self, member: Member, shown: bytes) -> None:
        """Take note of events that go to the client."""
        self._blame.saw(member, self.reader.progress)
        if self._sent and self.reply.answering:
            self._blame.answered(member, self.reader.error_status or 200)
            self._sent = 0.0
        self._learn_owner(member, shown)

    async def _relay_events(self, slot: Slot | None, member: Member, response: Answer) -> int:
        """Pass a stream on, as ``_finish_events`` does with its end."""
        hides = self.carrier is None and self.request.asks_usage_itself
        events = EventRelay(
            EventStream(self.reader, hide_usage=hides),
            self.reply,
            self.record,
            *(slot, member, self.fleet.health, self._limits),
            lambda shown: self._on_events(member, shown),
        )
        try:
            await events.run(response)
        except WorkerRefused:
            self._blame.failed(member)
            raise
        self._ended(member, response.status)
        return await self._finish_events(response.status)

    async def _finish_events(self, status: int) -> int:
        """End the client's stream; returns the answer's status, or that of an error in it."""
        await self.reply.finish()
        self.usage.output_tokens = self.usage.output_tokens or self.tokens
        return self.reader.error_status or status
