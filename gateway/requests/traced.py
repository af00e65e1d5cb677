"""Traced requests: what a request's trace says of it. It holds no text of prompt or answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gateway.protocol.asgi import Scope
from gateway.protocol.reply import Reply
from gateway.requests.access_log import Ended
from gateway.requests.relay import Relay
from gateway.telemetry.exposition import Exemplar

if TYPE_CHECKING:
    from gateway.tracing.spans import Step
    from gateway.tracing.traces import Trace, Traces

_CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)

_OPERATIONS = {
    "chat/completions": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "messages": "chat",
    "responses": "chat",
}
"""``gen_ai.operation.name`` by endpoint (OpenTelemetry's conventions for generative AI)."""


class TracedRequests:
    """Begins and ends the traces of requests; ``traces`` is None where they are off."""

    def __init__(self, traces: Traces | None) -> None:
        self._traces = traces

    def begin(self, scope: Scope, begun: float) -> Trace | None:
        """The trace of the request of the present task, since ``begun`` on the loop's clock."""
        if self._traces is None:
            return None
        trace = self._traces.begin(_carried(scope), begun)
        _CURRENT.set(trace)
        return trace

    def end(self, trace: Trace, scope: Scope, reply: Reply, ended: Ended, outcome: str) -> None:
        """End a trace with what the request came to."""
        operation = _OPERATIONS.get(ended.endpoint)
        name = f"{operation} {ended.model}" if operation else f"{scope['method']} {ended.endpoint}"
        attributes = {
            "http.request.method": scope["method"],
            "http.response.status_code": reply.status or None,
            "gen_ai.operation.name": operation,
            "lengthwise.outcome": outcome,
            "lengthwise.request_id": reply.request_id,
            **({} if ended.relay is None else _of(ended.relay, ended.model)),
        }
        trace.ended(name, attributes, _steps(ended), "" if outcome == "ok" else outcome)

    def close(self) -> None:
        """Send what is left."""
        if self._traces is not None:
            self._traces.close()


def exemplar() -> Exemplar:
    """Where the request of the present task is shown; None without a trace."""
    trace = _CURRENT.get()
    return None if trace is None else trace.ids


@contextmanager
def attempt(relay: Relay, worker: str) -> Iterator[None]:
    """Trace the attempt at a worker (its URL), and lead the worker's own spans to it."""
    trace = _CURRENT.get()
    if trace is None:
        yield
        return
    url = urlsplit(worker)
    about = {"server.address": url.hostname or "", "server.port": url.port or 0}
    with trace.attempt(about) as headers:
        relay.headers.popall("tracestate", None)
        relay.headers.update(headers)
        yield


def _steps(ended: Ended) -> list[Step]:
    if ended.relay is None:
        return []
    record = ended.relay.record
    return [
        ("receive", ended.begun, record.read),
        ("forecast", record.read, record.forecast_at),
        ("queue", record.queued, record.dispatched),
        ("stream", record.first_token, record.last_token),
    ]


def _of(relay: Relay, model: str) -> dict[str, Any]:
    """Attributes of a request that was read."""
    told, usage, record = relay.told, relay.usage, relay.record
    first = None if record.first_token is None else record.first_token - record.arrival
    waited = None if record.dispatched is None else record.dispatched - record.arrival
    attributes: dict[str, Any] = {
        "gen_ai.request.model": model,
        "gen_ai.request.max_tokens": relay.request.max_tokens,
        "gen_ai.usage.input_tokens": usage.prompt_tokens or None,
        "gen_ai.usage.output_tokens": relay.output_tokens,
        "gen_ai.response.finish_reasons": sorted(usage.finish_reasons) or None,
        "gen_ai.server.time_to_first_token": first,
        "lengthwise.key": told.key or None,
        "lengthwise.worker": told.worker or None,
        "lengthwise.queue_s": waited,
    }
    if told.forecast is not None and told.forecast.tier != "none":
        for name, tokens in zip(("low", "median", "high"), told.forecast.central, strict=True):
            attributes[f"lengthwise.forecast.{name}"] = tokens
        attributes["lengthwise.forecast.tier"] = told.forecast.tier
    return attributes


def _carried(scope: Scope) -> dict[str, str]:
    """The headers that carry a trace's context, each with its first value."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name in (b"traceparent", b"tracestate"):
            found.setdefault(name.decode(), value.decode("latin-1"))
    return found
