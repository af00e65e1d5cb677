"""Endpoint: the ASGI application of all relayed paths. Reads a request, answers every error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from gateway.access.access import Access
from gateway.access.admission import ADMISSION, Admission, limits_left
from gateway.access.directory import Holder
from gateway.access.models import allowed_models
from gateway.clients.body_bytes import Body, BodyBytes
from gateway.clients.fate import FATE, Fate
from gateway.clients.held_answers import HeldAnswers
from gateway.config.settings import Config
from gateway.metrics import NO_MODEL, Metrics
from gateway.protocol.asgi import target
from gateway.protocol.disconnect import ClientGone, Receive, unless_gone
from gateway.protocol.errors import ApiError
from gateway.protocol.generating import shape_of
from gateway.protocol.headers import Headers, header
from gateway.protocol.lax import boolean
from gateway.protocol.reply import Reply
from gateway.protocol.request_id import request_id
from gateway.protocol.routes import Routes, Treatment, endpoint_of
from gateway.requests.access_log import AccessLog, Ended
from gateway.requests.at_once import AtOnce
from gateway.requests.body import read_body
from gateway.requests.deadlines import time_given
from gateway.requests.debug_headers import wants_debug
from gateway.requests.fallbacks import Fallbacks
from gateway.requests.granted import (
    as_granted,
    check_default,
    check_names_model,
    check_steers,
)
from gateway.requests.leaving import Leaving
from gateway.requests.lifecycle import Lifecycle
from gateway.requests.metering import Meters
from gateway.requests.model_names import ModelNames
from gateway.requests.place_comment import wants_place
from gateway.requests.reading import Reading
from gateway.requests.recent import Recent
from gateway.requests.refusals import WorkerErrorRelayed
from gateway.requests.rejections import endpoint_refused, not_served
from gateway.requests.relay import Relay
from gateway.requests.shared_timeouts import SharedTimeouts
from gateway.requests.stored_responses import StoredResponses, named_in, response_id
from gateway.requests.to_all import ToAll
from gateway.requests.traced import TracedRequests
from gateway.workers.answer import CARRIER
from gateway.workers.fleet import Fleet
from gateway.workers.member import ANY_MODEL
from scheduler.records import RequestRecord

log = logging.getLogger("lengthwise")


@dataclass(slots=True)
class Endpoint:
    """Accepts requests and counts the outcome of each request."""

    config: Config
    access: Access
    fleet: Fleet
    routes: Routes
    models: ModelNames
    fallbacks: Fallbacks
    stored: StoredResponses
    lifecycle: Lifecycle
    at_once: AtOnce
    to_all: ToAll
    metrics: Metrics
    leaving: Leaving
    reading: Reading
    bodies: BodyBytes
    answers: HeldAnswers
    access_log: AccessLog
    traced: TracedRequests
    recent: Recent
    meters: Meters | None = None
    """Where requests are counted by key; None: nowhere."""
    timeouts: SharedTimeouts = field(default_factory=SharedTimeouts)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request, and count its outcome once if a worker could have served it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003, "reason": "HTTP only"})
            return
        reply = Reply(send, request_id(scope["headers"]), shape_of(scope["path"]))
        ended = Ended(asyncio.get_running_loop().time(), NO_MODEL)
        treatment = self.routes.treatment(scope["method"], scope["path"])
        allowed = self.routes.methods(scope["path"])
        if treatment is Treatment.OWN or scope["method"] not in allowed:
            await reply.error(not_served(scope["method"], scope["path"], allowed))
            if self.access_log.on:
                self.access_log.ended(scope, reply, ended, "not_found")
            return
        outcome, reason, trace = "cancelled", "", self.traced.begin(scope, ended.begun)
        meter = self.meters.open(scope, reply, ended) if self.meters is not None else None
        if self.access.on:
            reply.limits = lambda: limits_left(scope)
        self.metrics.in_flight.inc()
        try:
            with self.leaving.request(), self.access.admit(scope):
                await self._answer(scope, receive, reply, treatment, ended)
            outcome = "ok"
        except ClientGone:
            outcome = scope.get(FATE, Fate()).reason or "client_gone"
        except WorkerErrorRelayed as error:
            outcome = f"worker_{error.status // 100}xx"
            reason = f"The worker answered {error.status}; the client has its text."
        except ApiError as error:
            outcome, reason = error.code, str(error)
            await reply.error(error)
        except Exception:  # a bug: the client gets an answer, and the log gets the trace
            log.exception("request %s", reply.request_id)
            outcome, reason = "internal_error", "A bug of the gateway; its log has the trace."
            await reply.error(ApiError(500, "The gateway failed.", code=outcome))
        finally:
            self.metrics.in_flight.dec()
            model = self.metrics.shown(ended.model)
            self.metrics.requests.labels(model, ended.endpoint, outcome).inc()
            if meter is not None:  # without an end of its answer
                meter.end(ok=outcome == "ok")
            self.recent.ended(ended, outcome, reason, reply.request_id)
            if self.access_log.on:
                self.access_log.ended(scope, reply, ended, outcome)
            if trace is not None:
                self.traced.end(trace, scope, reply, ended, outcome)

    async def _answer(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        reply: Reply,
        treatment: Treatment,
        ended: Ended,
    ) -> None:
        if treatment is Treatment.STEERS:
            raise endpoint_refused(scope["method"], scope["path"])
        with self.bodies.body() as held:
            relay = ended.relay = await self._read(scope, receive, reply, held)
            gone = unless_gone(receive, reply.is_complete, scope.get(FATE))
            with self.answers.answer() as relay.coming, gone:
                await self._run(relay, treatment, ended)

    async def _read(
        self, scope: MutableMapping[str, Any], receive: Receive, reply: Reply, held: Body
    ) -> Relay:
        """Read a request whole, within the bounds of its body."""
        headers: Headers = scope["headers"]
        reply.debug = wants_debug(self.config.log, headers)
        reply.place = wants_place(self.config.log, headers)
        arrival = asyncio.get_running_loop().time()
        admission: Admission | None = scope.get(ADMISSION)
        rights = None if admission is None else admission.holder.rights
        record = RequestRecord(arrival, arrival + time_given(headers, rights))
        headers, body = await read_body(receive, headers, self.config, held, self.timeouts)
        self.leaving.body_is_read()
        record.read = asyncio.get_running_loop().time()
        method, content_type = scope["method"], header(headers, b"content-type")
        endpoint = endpoint_of(scope["path"])
        request, described = await self.reading.read(endpoint, method, content_type, body)
        if admission is not None:
            holder = admission.holder
            check_names_model(request, holder, method)
            request, described = as_granted(request, described, holder, content_type)
        return Relay(
            request=request,
            method=method,
            path=target(scope),
            given=headers,
            reply=reply,
            record=record,
            fleet=self.fleet,
            described=described,
            bounds=self.config.requests,
            admission=admission,
            carrier=scope.get(CARRIER),
            among=self.fleet.among(scope.get(CARRIER)),
        )

    async def _run(self, relay: Relay, treatment: Treatment, ended: Ended) -> None:
        """Carry a request to its end by its treatment."""
        if treatment is Treatment.TO_ALL:
            check_steers(relay)
            await self.to_all.run(relay)
            return
        holder = relay.admission.holder if relay.admission is not None else None
        if holder is not None:
            self._check_stored(relay, holder, treatment)
        if treatment is Treatment.STORED:
            owner = await self.stored.owner(response_id(relay.path), relay.headers)
            await self.at_once.run(relay, ANY_MODEL, owner)
            return
        queued = treatment is not Treatment.AT_ONCE
        ended.endpoint = relay.request.endpoint if queued and relay.request.generates else "other"
        owner = await self._built_on(relay) if queued else ""
        choice = await self.models.choose(relay.request, relay.headers, owner, holder)
        if holder is not None:
            if relay.request.model is None:
                check_default(holder, choice.name or choice.models[0], relay.method)
            choice = replace(choice, models=allowed_models(choice.models, holder))
        carry = partial(self._carry, relay, ended, owner if queued else None)
        await self.fallbacks.run(choice, relay, carry)

    def _carry(self, relay: Relay, ended: Ended, owner: str | None, model: str) -> Awaitable[None]:
        """Carry a request to its end with one model; ``owner``: None for one beside the queue."""
        ended.model = model or NO_MODEL
        if owner is None:
            return self.at_once.run(relay, model)
        if relay.request.generates:
            self.metrics.expect_model(model)
        kept = owner if owner and self.fleet.serves(owner, model) else ""
        return self.lifecycle.run(relay, model, kept)

    def _check_stored(self, relay: Relay, holder: Holder, treatment: Treatment) -> None:
        """Check that the responses which a request names are its holder's (``ApiError``: 404)."""
        if treatment is Treatment.STORED:
            self.stored.check([response_id(relay.path)], holder)
        elif relay.request.endpoint.startswith("responses"):
            continued, made = named_in(relay.request.fields)
            self.stored.check(continued, holder)
            self.stored.check(made, holder, made=False)

    async def _built_on(self, relay: Relay) -> str:
        """The worker that has the response which the request continues, "" for none."""
        if relay.request.endpoint != "responses":
            return ""
        if boolean(relay.request.fields.get("store")) is not False:
            relay.stored = self.stored
        previous = relay.request.fields.get("previous_response_id")
        if not isinstance(previous, str) or not previous:
            return ""
        return await self.stored.owner(previous, relay.headers) or ""
