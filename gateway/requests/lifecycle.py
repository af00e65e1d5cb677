"""Lifecycle: the steps of an accepted request, from its forecast to its feedback."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from math import ceil

from gateway.config.settings import Config
from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.prompt_tokens import room
from gateway.forecasting.request_forecast import RequestForecast
from gateway.metrics import NO_MODEL, Metrics
from gateway.protocol.errors import ApiError
from gateway.requests.deadlines import check_reachable
from gateway.requests.debug_headers import debug_headers
from gateway.requests.early_stream import early_stream
from gateway.requests.feedback import Feedback
from gateway.requests.in_flight import InFlightRequest
from gateway.requests.place_comment import place_comment
from gateway.requests.reading import describe
from gateway.requests.refine import RefusedForecasts, refining
from gateway.requests.refusals import WorkerErrorRelayed, WorkerFailed, WorkerRefused
from gateway.requests.rejections import (
    rejection,
    request_timeout,
    time_limit,
    workers_failed,
    workers_refused,
)
from gateway.requests.relay import Relay
from gateway.requests.reservation import settle, settle_broken_off
from gateway.requests.retry_budget import RetryBudget
from gateway.requests.sequence_limit import check_sequences
from gateway.requests.shared_timeouts import SharedTimeouts
from gateway.requests.traced import attempt, exemplar
from gateway.requests.under_way import UnderWay
from gateway.scheduling.affinity import affinity
from gateway.scheduling.dispatcher import Dispatcher, Rejected, Slot
from gateway.scheduling.tenants import Claim, Tenancy
from gateway.scheduling.waiting_order import Order
from gateway.workers.fleet import Fleet
from scheduler.actions import Dispatch
from scheduler.engine_priority import priority
from scheduler.job import LONGEST, Job


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
    budget: RetryBudget
    under_way: UnderWay
    order: Order
    timeouts: SharedTimeouts = field(default_factory=SharedTimeouts)
    refused: RefusedForecasts = field(default_factory=RefusedForecasts)

    async def run(self, relay: Relay, model: str, worker_id: str = "") -> None:
        """Carry one request of ``model`` to its end; on return the client has the whole answer.

        ``worker_id`` is the only worker that can answer the request, "" for every one.

        Raises:
            ApiError: there is no complete answer.
            WorkerErrorRelayed: the answer was the worker's own error.
        """
        slots = self.fleet.most_slots(model)
        check_sequences(relay.request.sequences, self.config.requests, slots)
        in_flight: InFlightRequest | None = None
        try:
            with self.timeouts.at(time_limit(relay.record, self.config)):
                in_flight = await self._begin(relay, model, worker_id)
                if relay.reply.debug:
                    relay.reply.extra = debug_headers(in_flight)
                self.feedback.begun(in_flight)
                with self.under_way.request(in_flight):
                    status = await self._queue_and_forward(in_flight)
        except BaseException as error:
            if in_flight is not None:
                self.feedback.broken_off(in_flight)
                settle_broken_off(in_flight, error)
            if not isinstance(error, TimeoutError):
                raise
            raise request_timeout(relay.record, self.config) from None
        settle(in_flight, status)
        if status >= 400:
            self.feedback.broken_off(in_flight)
            raise WorkerErrorRelayed(status)
        self.feedback.answered(in_flight)
        now = asyncio.get_running_loop().time()
        self.tenancy.answered(in_flight.prompt.tenant, in_flight.job.tenant, now)

    async def _begin(self, relay: Relay, model: str, worker_id: str) -> InFlightRequest:
        holder = relay.admission.holder if relay.admission is not None else None
        owner = self.tenancy.identify(relay.headers, holder)
        described = relay.described or describe(relay.request)
        prompt, parts = replace(described.prompt, tenant=owner.pseudonym), described.parts
        context = self.fleet.max_model_len(model)
        tokens = int(min(self.forecaster.prompt_tokens(model, parts), context * parts.prompts))
        forecast = await self.forecaster.forecast(
            relay.request, prompt, room(context, tokens // parts.prompts)
        )
        job = self._job(relay, model, tokens, forecast, owner.claim)
        relay.record.forecast_at = asyncio.get_running_loop().time()
        job.worker, job.prompts, job.among = worker_id, parts.prompts, relay.among
        job.most_tokens = int(min(relay.request.max_tokens or LONGEST, context, LONGEST))
        if relay.admission is not None:
            relay.admission.reserve(job.prompt_tokens + job.expected_tokens)
        relay.job = job
        return InFlightRequest(relay, job, prompt, parts, forecast, owner.shown)

    def _bound_usage(self, in_flight: InFlightRequest) -> None:
        """Keep a worker's wrong counts from tenants, forecasts, metrics and the served log."""
        job = in_flight.job
        context = self.fleet.max_model_len(job.model) * job.prompts
        in_flight.relay.usage.bound(context, job.sequences * job.most_tokens)

    def _job(
        self, relay: Relay, model: str, tokens: int, forecast: RequestForecast, claim: Claim
    ) -> Job:
        arrival, request = relay.record.arrival, relay.request
        return Job(
            # Clients may repeat their ids. A uuid would ask the system for its bits each time.
            id=f"{relay.reply.request_id}-{random.getrandbits(32):08x}",
            model=model,
            arrival=arrival,
            prompt_tokens=tokens,
            length=forecast.length,
            sequences=request.sequences.total,
            streams=request.stream or not request.generates,
            deadline=arrival + self.config.queue.timeout_s,
            due=relay.record.due,
            tenant=claim.tenant,
            share=claim.share,
            urgency=claim.urgency,
            affinity=affinity(self.config.scheduling.affinity, request, relay.headers),
        )

    async def _queue_and_forward(self, in_flight: InFlightRequest) -> int:
        """Wait for a worker and forward the request; returns the answer's status."""
        relay = in_flight.relay
        streams = relay.request.generates_stream and relay.carrier is None
        comments = self.config.queue.stream_comments_s if streams else 0.0
        told = relay.reply.place and streams
        place = place_comment(self.order, in_flight.job) if told else None
        async with (
            early_stream(in_flight.relay.reply, comments, place),
            self.dispatcher.slot(in_flight.job) as slot,
        ):
            in_flight.relay.record.queued = asyncio.get_running_loop().time()
            try:
                return await self._forward(slot, in_flight)
            finally:  # the tenant pays for the generated tokens, also after an error
                self._bound_usage(in_flight)
                tokens = in_flight.relay.output_tokens
                if tokens is not None:
                    slot.attained = ceil(tokens / in_flight.job.sequences)

    async def _forward(self, slot: Slot, in_flight: InFlightRequest) -> int:
        """Forward the request, and try another worker if one fails before the first byte.

        The last refusal goes to the client once no worker is left that might do better.
        """
        loop, job = asyncio.get_running_loop(), in_flight.job
        refused: WorkerRefused | None = None
        last: ApiError | None = None
        retries = self.budget.begin(once=in_flight.relay.carrier is not None)
        while True:
            try:
                dispatch = await self._wait(slot, in_flight)
            except ApiError:
                if refused is None:
                    raise
                break
            begun = loop.time()
            in_flight.relay.may_move = retries.left > 0 and not job.worker
            in_flight.relay.agent_hints = self.config.scheduling.agent_hints
            try:
                with attempt(in_flight.relay, dispatch.worker_id):
                    status = await in_flight.relay.forward(
                        slot, dispatch.worker_id, self._priority(dispatch)
                    )
                if in_flight.relay.request.generates:
                    slot.service_s = loop.time() - begun
                return status
            except WorkerFailed as error:
                last = error.error
                self.metrics.worker_failures.labels(dispatch.worker_id).inc()
                job.shuns |= {dispatch.worker_id}
                elsewhere = self._elsewhere(job)
                again = (elsewhere or not error.lasting) and await retries.again(
                    elsewhere=elsewhere, free=error.moved
                )
            except WorkerRefused as error:
                refused = error
                self.metrics.worker_refusals.labels(dispatch.worker_id).inc()
                job.shuns |= {dispatch.worker_id}
                again = self._elsewhere(job) and await retries.again(elsewhere=True)
            if not again:
                break
            slot.retry()
        if refused is None:
            raise workers_failed(self.config, last, denied=retries.denied)
        if in_flight.relay.falls_back:
            raise workers_refused(refused.status)
        return await in_flight.relay.give(refused)

    def _elsewhere(self, job: Job) -> bool:
        """Whether a worker may take the job that has neither failed nor refused it."""
        return not job.worker and bool(self.fleet.untried(job.model, job.shuns))

    async def _wait(self, slot: Slot, in_flight: InFlightRequest) -> Dispatch:
        """Wait for a worker while the refined tier works on a better forecast."""
        job, record = in_flight.job, in_flight.relay.record
        try:
            if not slot.decided and record.dispatched is None:
                check_reachable(job, self.config, self.dispatcher)
            if not slot.decided:
                in_flight.relay.rest()
            with refining(slot, self.forecaster, in_flight):
                await slot.decision
            dispatch = slot.dispatch
        except Rejected as rejected:
            if rejected.reason.endswith("_full"):
                await self.refused.refine(self.forecaster, in_flight)
            retry_after = self.dispatcher.retry_after(job)
            trouble = self.fleet.trouble(job.model)
            reason = rejected.reason
            raise rejection(reason, job.model, self.config, retry_after, trouble) from None
        now = asyncio.get_running_loop().time()
        if record.dispatched is None:
            model = self.metrics.shown(job.model or NO_MODEL)
            self.metrics.queue_wait.labels(model).observe(now - job.arrival, exemplar())
        record.dispatched, in_flight.worker = now, dispatch.worker_id
        if in_flight.relay.reply.debug:
            in_flight.relay.reply.extra = debug_headers(in_flight)
        return dispatch

    def _priority(self, dispatch: Dispatch) -> int | None:
        if not self.config.scheduling.send_priority:
            return None
        return priority(dispatch.job.urgency, dispatch.key)
