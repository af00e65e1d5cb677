"""Lifecycle: the steps of an accepted request, from its forecast to its feedback."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, replace
from math import ceil

from gateway.config.settings import Config
from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.prompt_tokens import room
from gateway.forecasting.request_forecast import RequestForecast
from gateway.metrics import NO_MODEL, Metrics
from gateway.protocol.errors import ApiError
from gateway.requests.feedback import Feedback
from gateway.requests.in_flight import InFlightRequest
from gateway.requests.refine import refining
from gateway.requests.rejections import rejection
from gateway.requests.relay import Relay, WorkerFailed
from gateway.scheduling.affinity import affinity
from gateway.scheduling.dispatcher import Dispatcher, Rejected, Slot
from gateway.scheduling.tenants import Claim, Tenancy
from gateway.workers.fleet import Fleet
from predictor import Prompt
from scheduler.actions import Dispatch
from scheduler.engine_priority import priority
from scheduler.job import Job


class WorkerErrorRelayed(Exception):
    """The worker answered with an error of its own, which has gone to the client."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class Lifecycle:
    """Carries requests from acceptance to their last byte."""

    config: Config
    fleet: Fleet
    dispatcher: Dispatcher
    forecaster: Forecaster
    metrics: Metrics
    feedback: Feedback
    tenancy: Tenancy

    async def run(self, relay: Relay, model: str) -> None:
        """Carry one request of ``model`` to its end; on return the client has the whole answer.

        Raises:
            ApiError: there is no complete answer.
            WorkerErrorRelayed: the answer was the worker's own error.
        """
        deadline = relay.record.arrival + self.config.requests.timeout_s
        in_flight: InFlightRequest | None = None
        try:
            async with asyncio.timeout_at(deadline):
                in_flight = await self._begin(relay, model)
                status = await self._queue_and_forward(in_flight)
        except BaseException as error:
            if in_flight is not None:
                self.feedback.broken_off(in_flight)
            if not isinstance(error, TimeoutError):
                raise
            raise self._timeout_error() from None
        if status >= 400:
            raise WorkerErrorRelayed(status)
        self.feedback.answered(in_flight)

    def _timeout_error(self) -> ApiError:
        return ApiError(
            504,
            f"No complete answer within {self.config.requests.timeout_s:g} s "
            "(requests.timeout_s). Ask for fewer tokens, or stream.",
            code="request_timeout",
        )

    async def _begin(self, relay: Relay, model: str) -> InFlightRequest:
        owner = self.tenancy.identify(relay.headers)
        prompt = replace(Prompt.from_request(relay.request.fields), tenant=owner.pseudonym)
        context = self.fleet.max_model_len(model)
        tokens = int(min(self.forecaster.prompt_tokens(prompt), context))
        forecast = await self.forecaster.forecast(relay.request, prompt, room(context, tokens))
        job = self._job(relay, model, tokens, forecast, owner.claim)
        return InFlightRequest(relay, job, prompt, forecast)

    def _job(
        self, relay: Relay, model: str, tokens: int, forecast: RequestForecast, claim: Claim
    ) -> Job:
        arrival, request = relay.record.arrival, relay.request
        return Job(
            id=f"{relay.reply.request_id}-{uuid.uuid4().hex[:8]}",  # clients may repeat their ids
            model=model,
            arrival=arrival,
            prompt_tokens=tokens,
            length=forecast.length,
            sequences=request.sequences,
            streams=request.stream or not request.generates,
            deadline=arrival + self.config.queue.timeout_s,
            tenant=claim.tenant,
            share=claim.share,
            urgency=claim.urgency,
            affinity=affinity(self.config.scheduling.affinity, request, relay.headers),
        )

    async def _queue_and_forward(self, in_flight: InFlightRequest) -> int:
        """Wait for a worker and forward the request; returns the answer's status."""
        async with self.dispatcher.slot(in_flight.job) as slot:
            try:
                return await self._forward(slot, in_flight)
            finally:  # the tenant pays for the generated tokens, also after an error
                tokens = in_flight.relay.output_tokens
                if tokens is not None:
                    slot.attained = ceil(tokens / in_flight.job.sequences)

    async def _forward(self, slot: Slot, in_flight: InFlightRequest) -> int:
        """Forward the request, and try another worker if one fails before the first byte."""
        loop = asyncio.get_running_loop()
        for attempt in range(self.config.requests.retries + 1):
            if attempt:
                slot.retry()
            dispatch = await self._wait(slot, in_flight)
            begun = loop.time()
            try:
                status = await in_flight.relay.forward(
                    slot, dispatch.worker_id, self._priority(dispatch)
                )
                if in_flight.relay.request.generates:
                    slot.service_s = loop.time() - begun
                return status
            except WorkerFailed:
                self.metrics.worker_failures.labels(dispatch.worker_id).inc()
        raise ApiError(
            502,
            f"{self.config.requests.retries + 1} workers failed before the first byte of the "
            "answer (requests.retries). Send the request again; if it fails again, the request "
            "itself may be the cause.",
            code="worker_failed",
        )

    async def _wait(self, slot: Slot, in_flight: InFlightRequest) -> Dispatch:
        """Wait for a worker while the refined tier works on a better forecast."""
        job, record = in_flight.job, in_flight.relay.record
        try:
            async with refining(slot, self.forecaster, in_flight):
                dispatch = await slot.wait()
        except Rejected as rejected:
            retry_after = self.dispatcher.retry_after()
            raise rejection(rejected.reason, job.model, self.config, retry_after) from None
        now = asyncio.get_running_loop().time()
        if record.dispatched is None:
            self.metrics.queue_wait.labels(job.model or NO_MODEL).observe(now - job.arrival)
        record.dispatched, in_flight.worker = now, dispatch.worker_id
        return dispatch

    def _priority(self, dispatch: Dispatch) -> int | None:
        if not self.config.scheduling.send_priority:
            return None
        return priority(dispatch.job.urgency, dispatch.key)
