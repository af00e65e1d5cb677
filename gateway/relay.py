"""Relay: the ASGI endpoint of /v1/*. Accept, forecast, queue, forward, account."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from gateway.config import Config
from gateway.disconnect import ClientGone, Receive, unless_gone
from gateway.dispatcher import Dispatcher, Rejected
from gateway.fleet import ANY_MODEL, Fleet
from gateway.forecast import Forecaster
from gateway.metrics import NO_MODEL, Metrics
from gateway.openai import ApiError, ApiRequest, parse
from gateway.proxy import Exchange, Headers, Reply, WorkerFailed, forwarded
from predictor import Prompt
from scheduler.job import Job
from scheduler.records import RequestRecord

log = logging.getLogger("lengthwise")

PRIORITY_STEPS = 1000
"""vLLM's priority is an integer: the key in thousandths keeps the order to a millisecond."""


@dataclass(slots=True)
class Relay:
    """Everything a request meets between its client and a worker."""

    config: Config
    fleet: Fleet
    dispatcher: Dispatcher
    forecaster: Forecaster
    metrics: Metrics

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Serve one request; every road out of here is counted, once."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003, "reason": "HTTP only"})
            return
        request_id = _header(scope["headers"], b"x-request-id") or uuid.uuid4().hex
        reply = Reply(send, request_id)
        labels, outcome = _Labels(), "cancelled"
        self.metrics.in_flight.inc()
        try:
            await self._answer(scope, receive, reply, labels)
            outcome = "ok"
        except ClientGone:
            outcome = "client_gone"
        except _WorkerRefused as refused:
            outcome = f"worker_{refused.status // 100}xx"
        except ApiError as error:
            outcome = error.code
            await reply.error(error)
        except Exception:  # whatever it was, the client gets an answer and we a trace
            log.exception("request %s", request_id)
            outcome = "internal_error"
            await reply.error(ApiError(500, "The gateway failed.", code=outcome))
        finally:
            self.metrics.in_flight.dec()
            self.metrics.requests.labels(labels.model, labels.endpoint, outcome).inc()

    async def _answer(
        self, scope: MutableMapping[str, Any], receive: Receive, reply: Reply, labels: _Labels
    ) -> None:
        headers: Headers = scope["headers"]
        record = RequestRecord(arrival=asyncio.get_running_loop().time())
        body = await self._body(receive)
        endpoint, method = scope["path"].removeprefix("/v1/"), scope["method"]
        if ".." in endpoint.split("/"):  # what a worker has beside /v1/ is not for clients
            raise ApiError(404, f"{scope['path'][:200]} is not served.", code="not_found")
        request = parse(endpoint, method, _header(headers, b"content-type"), body)
        labels.endpoint = endpoint if request.generates else "other"
        model = self._known_model(request)
        labels.model = model or NO_MODEL
        if request.generates:
            self.metrics.expect_model(model)
        exchange = Exchange(
            request=request,
            method=method,
            path=_target(scope),
            headers=forwarded(headers, reply.request_id),
            reply=reply,
            record=record,
            fleet=self.fleet,
        )
        await unless_gone(receive, self._serve(exchange, model), lambda: reply.complete)

    async def _body(self, receive: Receive) -> bytes:
        limit, size, parts = self.config.requests.max_body_bytes, 0, []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise ApiError(
                    413,
                    f"The body has more than {limit} bytes. Send less, or raise "
                    "requests.max_body_bytes in the gateway's configuration.",
                    code="body_too_large",
                )
            if not message.get("more_body"):
                return b"".join(parts)

    def _known_model(self, request: ApiRequest) -> str:
        """The model's name, checked against what the workers serve."""
        models = self.fleet.models()
        if request.model is None:
            return ANY_MODEL
        if request.model in models:
            return request.model
        if not self.fleet.all_known:
            raise _no_worker(request.model, self.config)
        raise ApiError(
            404,
            f"model {request.model[:200]!r} is not served here. "
            f"Served: {', '.join(models) or 'none'}.",
            code="model_not_found",
            param="model",
        )

    async def _serve(self, exchange: Exchange, model: str) -> None:
        prompt = Prompt.from_request(exchange.request.fields)
        job = self._job(exchange, model, prompt)
        limit = exchange.record.arrival + self.config.requests.timeout_s
        try:
            async with asyncio.timeout_at(limit):
                status = await self._queue_and_forward(exchange, job)
        except TimeoutError:
            raise ApiError(
                504,
                f"No complete answer within {self.config.requests.timeout_s:g} s "
                "(requests.timeout_s). Ask for fewer tokens, or stream.",
                code="request_timeout",
            ) from None
        if status >= 400:
            raise _WorkerRefused(status)
        self._account(exchange, job, prompt)

    def _job(self, exchange: Exchange, model: str, prompt: Prompt) -> Job:
        request, arrival = exchange.request, exchange.record.arrival
        tokens = self.forecaster.prompt_tokens(prompt)
        room = self.fleet.max_model_len(model) - tokens
        return Job(
            id=f"{exchange.reply.request_id}-{uuid.uuid4().hex[:8]}",  # clients may repeat theirs
            model=model,
            arrival=arrival,
            prompt_tokens=tokens,
            length=self.forecaster.forecast(request, prompt, room),
            sequences=request.sequences,
            deadline=arrival + self.config.queue.timeout_s,
        )

    async def _queue_and_forward(self, exchange: Exchange, job: Job) -> int:
        """Wait for a worker and ask it, and others where it fails before the first byte."""
        async with self.dispatcher.slot(job) as slot:
            for attempt in range(self.config.requests.retries + 1):
                if attempt:
                    slot.retry()
                try:
                    dispatch = await slot.wait()
                except Rejected as rejected:
                    raise self._rejection(rejected, job) from None
                now = asyncio.get_running_loop().time()
                if exchange.record.dispatched is None:
                    self.metrics.queue_wait.labels(job.model or NO_MODEL).observe(now - job.arrival)
                exchange.record.dispatched = now
                try:
                    return await exchange.forward(
                        slot, dispatch.worker_id, self._priority(dispatch.key)
                    )
                except WorkerFailed:
                    self.metrics.worker_failures.labels(dispatch.worker_id).inc()
        raise ApiError(
            502,
            f"{self.config.requests.retries + 1} workers failed before the first byte of the "
            "answer (requests.retries). Send the request again; if it fails again, it may be "
            "what breaks them.",
            code="worker_failed",
        )

    def _priority(self, key: float) -> int | None:
        return round(key * PRIORITY_STEPS) if self.config.scheduling.send_priority else None

    def _rejection(self, rejected: Rejected, job: Job) -> ApiError:
        queue = self.config.queue
        if rejected.reason == "queue_full":
            return ApiError(
                429,
                f"{queue.max_waiting} requests wait already (queue.max_waiting). Try again later.",
                code="queue_full",
                retry_after=self.dispatcher.drain_seconds(),
            )
        if rejected.reason == "deadline":
            return ApiError(
                504,
                f"No worker was free within {queue.timeout_s:g} s (queue.timeout_s).",
                code="queue_timeout",
                retry_after=self.dispatcher.drain_seconds(),
            )
        return _no_worker(job.model, self.config)

    def _account(self, exchange: Exchange, job: Job, prompt: Prompt) -> None:
        """Count a complete answer and learn from it."""
        record, usage = exchange.record, exchange.usage
        record.finished = asyncio.get_running_loop().time()
        record.prompt_tokens, record.output_tokens = usage.prompt_tokens, usage.output_tokens
        if not exchange.request.generates:
            return
        self.metrics.observe_answer(job.model, record)
        if job.sequences == 1 and usage.output_tokens:
            self.forecaster.learn(
                prompt,
                job.length,
                prompt_tokens=usage.prompt_tokens,
                output_tokens=usage.output_tokens,
                censored="length" in usage.finish_reasons,
            )


@dataclass(slots=True)
class _Labels:
    """Metric labels, known only once the request has been read."""

    model: str = NO_MODEL
    endpoint: str = "other"


class _WorkerRefused(Exception):
    """The worker's own error went back to the client."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _no_worker(model: str, config: Config) -> ApiError:
    return ApiError(
        503,
        f"No healthy worker serves {model[:200] or 'this request'!r} now. GET /ready tells what "
        "the workers' state is.",
        code="no_healthy_worker",
        retry_after=max(1, round(config.health.interval_s)),
    )


def _target(scope: MutableMapping[str, Any]) -> str:
    """Path and query as the client wrote them: decoding twice could change what they name."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def _header(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key == name), "")
