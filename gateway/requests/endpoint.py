"""Endpoint: the ASGI application of /v1/*. Reads a request and answers every error."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from gateway.config.settings import Config
from gateway.metrics import NO_MODEL, Metrics
from gateway.protocol.disconnect import ClientGone, Receive, unless_gone
from gateway.protocol.errors import ApiError
from gateway.protocol.headers import Headers, forwarded, header
from gateway.protocol.openai import ApiRequest, parse
from gateway.protocol.reply import Reply
from gateway.requests.lifecycle import Lifecycle, WorkerErrorRelayed
from gateway.requests.rejections import no_healthy_worker
from gateway.requests.relay import Relay
from gateway.workers.fleet import Fleet
from gateway.workers.member import ANY_MODEL
from scheduler.records import RequestRecord

log = logging.getLogger("lengthwise")


@dataclass(slots=True)
class Endpoint:
    """Accepts requests and counts the outcome of each request."""

    config: Config
    fleet: Fleet
    lifecycle: Lifecycle
    metrics: Metrics

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer one request, and count its outcome once."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003, "reason": "HTTP only"})
            return
        request_id = header(scope["headers"], b"x-request-id") or uuid.uuid4().hex
        reply = Reply(send, request_id)
        labels, outcome = _Labels(), "cancelled"
        self.metrics.in_flight.inc()
        try:
            await self._answer(scope, receive, reply, labels)
            outcome = "ok"
        except ClientGone:
            outcome = "client_gone"
        except WorkerErrorRelayed as error:
            outcome = f"worker_{error.status // 100}xx"
        except ApiError as error:
            outcome = error.code
            await reply.error(error)
        except Exception:  # a bug: the client gets an answer, and the log gets the trace
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
        if ".." in endpoint.split("/"):  # a worker's paths outside /v1/ are not for clients
            raise ApiError(404, f"{scope['path'][:200]} is not served.", code="not_found")
        request = parse(endpoint, method, header(headers, b"content-type"), body)
        labels.endpoint = endpoint if request.generates else "other"
        model = self._known_model(request)
        labels.model = model or NO_MODEL
        if request.generates:
            self.metrics.expect_model(model)
        relay = Relay(
            request=request,
            method=method,
            path=_target(scope),
            headers=forwarded(headers, reply.request_id),
            reply=reply,
            record=record,
            fleet=self.fleet,
        )
        await unless_gone(receive, self.lifecycle.run(relay, model), lambda: reply.complete)

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
        """The request's model.

        Raises:
            ApiError: no worker serves the model (404), or some models are not known yet (503).
        """
        models = self.fleet.models()
        if request.model is None:
            return ANY_MODEL
        if request.model in models:
            return request.model
        if not self.fleet.all_known:
            raise no_healthy_worker(request.model, self.config)
        raise ApiError(
            404,
            f"model {request.model[:200]!r} is not served here. "
            f"Served: {', '.join(models) or 'none'}.",
            code="model_not_found",
            param="model",
        )


@dataclass(slots=True)
class _Labels:
    """Metric labels of a request; unknown until the request has been read."""

    model: str = NO_MODEL
    endpoint: str = "other"


def _target(scope: MutableMapping[str, Any]) -> str:
    """Path and query as the client encoded them: a second encoding could change the meaning."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")
