"""Service: the life of an accepted request. Forecast, queue, forward, account."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, replace
from math import ceil

from gateway.config.settings import Config
from gateway.forecasting.forecaster import Forecaster, Guess
from gateway.metrics import NO_MODEL, Metrics
from gateway.protocol.errors import ApiError
from gateway.requests.exchange import Exchange, WorkerFailed
from gateway.requests.feedback import Feedback
from gateway.requests.passage import Passage
from gateway.requests.refine import refining
from gateway.requests.rejections import Rejections
from gateway.scheduling.affinity import affinity
from gateway.scheduling.dispatcher import Dispatcher, Rejected, Slot
from gateway.scheduling.tenants import Claim, Tenancy
from gateway.workers.fleet import Fleet
from predictor import Prompt
from scheduler.actions import Dispatch
from scheduler.engine_priority import priority
from scheduler.job import Job


class WorkerRefused(Exception):
    """The worker's own error went back to the client."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class Lifecycle:
    """Carries requests from acceptance to their last byte."""

    config: Config
    fleet: Fleet
    dispatcher: Dispatcher
    rejections: Rejections
    forecaster: Forecaster
    metrics: Metrics
    feedback: Feedback
    tenancy: Tenancy

    async def serve(self, exchange: Exchange, model: str) -> None:
        """Serve one request of ``model``; its answer has gone to the client on return.

        Raises:
            ApiError: there is no complete answer.
            WorkerRefused: the worker answered with an error, which went to the client.
        """
        limit = exchange.record.arrival + self.config.requests.timeout_s
        passage: Passage | None = None
        try:
            async with asyncio.timeout_at(limit):
                passage = await self._begin(exchange, model)
                status = await self._queue_and_forward(passage)
        except BaseException as error:
            if passage is not None:
                self.feedback.broken_off(passage)
            if not isinstance(error, TimeoutError):
                raise
            raise ApiError(
                504,
                f"No complete answer within {self.config.requests.timeout_s:g} s "
                "(requests.timeout_s). Ask for fewer tokens, or stream.",
                code="request_timeout",
            ) from None
        if status >= 400:
            raise WorkerRefused(status)
        self.feedback.answered(passage)

    async def _begin(self, exchange: Exchange, model: str) -> Passage:
        owner = self.tenancy.identify(exchange.headers)
        prompt = replace(Prompt.from_request(exchange.request.fields), tenant=owner.pseudonym)
        room = self.fleet.max_model_len(model) - self.forecaster.prompt_tokens(prompt)
        guess = await self.forecaster.guess(exchange.request, prompt, room)
        job = self._job(exchange, model, prompt, guess, owner.claim)
        return Passage(exchange, job, prompt, guess)

    def _job(
        self, exchange: Exchange, model: str, prompt: Prompt, guess: Guess, claim: Claim
    ) -> Job:
        arrival, request = exchange.record.arrival, exchange.request
        return Job(
            id=f"{exchange.reply.request_id}-{uuid.uuid4().hex[:8]}",  # clients may repeat theirs
            model=model,
            arrival=arrival,
            prompt_tokens=self.forecaster.prompt_tokens(prompt),
            length=guess.length,
            sequences=request.sequences,
            deadline=arrival + self.config.queue.timeout_s,
            tenant=claim.tenant,
            share=claim.share,
            urgency=claim.urgency,
            affinity=affinity(self.config.scheduling.affinity, request, exchange.headers),
        )

    async def _queue_and_forward(self, passage: Passage) -> int:
        """Wait for a worker and ask it, and others where it fails before the first byte."""
        async with self.dispatcher.slot(passage.job) as slot:
            try:
                return await self._forward(slot, passage)
            finally:  # the tenant pays for what was written, however it ended
                tokens = passage.exchange.output_tokens
                if tokens is not None:
                    slot.attained = ceil(tokens / passage.job.sequences)

    async def _forward(self, slot: Slot, passage: Passage) -> int:
        for attempt in range(self.config.requests.retries + 1):
            if attempt:
                slot.retry()
            dispatch = await self._wait(slot, passage)
            begun = asyncio.get_running_loop().time()
            try:
                status = await passage.exchange.forward(
                    slot, dispatch.worker_id, self._priority(dispatch)
                )
                if passage.exchange.request.generates:
                    slot.service_s = asyncio.get_running_loop().time() - begun
                return status
            except WorkerFailed:
                self.metrics.worker_failures.labels(dispatch.worker_id).inc()
        raise ApiError(
            502,
            f"{self.config.requests.retries + 1} workers failed before the first byte of the "
            "answer (requests.retries). Send the request again; if it fails again, it may be "
            "what breaks them.",
            code="worker_failed",
        )

    async def _wait(self, slot: Slot, passage: Passage) -> Dispatch:
        """Wait for a worker; the forecast gets better meanwhile, if it can."""
        job, record = passage.job, passage.exchange.record
        try:
            async with refining(slot, self.forecaster, passage):
                dispatch = await slot.wait()
        except Rejected as rejected:
            raise self.rejections.error(rejected.reason, job.model) from None
        now = asyncio.get_running_loop().time()
        if record.dispatched is None:
            self.metrics.queue_wait.labels(job.model or NO_MODEL).observe(now - job.arrival)
        record.dispatched, passage.worker = now, dispatch.worker_id
        return dispatch

    def _priority(self, dispatch: Dispatch) -> int | None:
        if not self.config.scheduling.send_priority:
            return None
        return priority(dispatch.job.urgency, dispatch.key)
