"""Traces: a span for each request, and below it spans for its steps and for each attempt.

Imported only where traces are on: OpenTelemetry is an extra. The event loop notes what there is to
tell; the exporter's thread makes spans of it, which takes 0.1 ms a request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import Decision, ParentBasedTraceIdRatio
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import HttpUrl

from gateway.config.traces import TraceSettings
from gateway.tracing.quiet_log import quiet_exporter
from gateway.tracing.spans import (
    ERROR,
    IDS,
    SCOPE,
    UNSET,
    Attempt,
    Root,
    Service,
    Step,
    Unfolding,
    beside,
    nanoseconds,
    new_context,
)

FLUSH_MS = 2000
"""Milliseconds at the gateway's end for spans that have not been sent yet."""

CARRIERS = ("traceparent", "tracestate")
"""Headers that carry the context of a trace, in lower case."""

_PROPAGATOR = TraceContextTextMapPropagator()


def exporting(settings: TraceSettings, endpoint: HttpUrl) -> Traces:
    """Traces that go to the collector at ``endpoint``, by a thread of the exporter's."""
    url = str(endpoint)
    if endpoint.path in (None, "", "/"):
        url = url.rstrip("/") + "/v1/traces"
    quiet_exporter()
    return Traces(settings, OTLPSpanExporter(endpoint=url))


class Traces:
    """Begins the traces of requests, and hands them to ``exporter`` by way of ``processor``.

    The processor gets the span of each request when it ends, with what its other spans are made of;
    what it bounds are requests.
    """

    def __init__(
        self,
        settings: TraceSettings,
        exporter: SpanExporter,
        processor: Callable[[SpanExporter], SpanProcessor] = BatchSpanProcessor,
    ) -> None:
        about = {"service.name": settings.service_name, "service.version": version("lengthwise")}
        self._resource = Service(Resource.create(about).attributes)
        self._sampler = ParentBasedTraceIdRatio(settings.sample)
        self._processor = processor(Unfolding(exporter))

    def begin(self, headers: Mapping[str, str], begun: float) -> Trace:
        """The trace of a request with these headers (names in lower case), since ``begun``.

        ``begun`` is on the event loop's clock, in seconds.
        """
        carried = {name: headers[name] for name in CARRIERS if name in headers}
        shift = time.time() - asyncio.get_running_loop().time()
        above = _PROPAGATOR.extract(carried) if carried else Context()
        parent = get_current_span(above).get_span_context() if carried else None
        if parent is None or not parent.is_valid:
            parent = None
        trace_id = IDS.generate_trace_id() if parent is None else parent.trace_id
        chosen = self._sampler.should_sample(above, trace_id, "request", SpanKind.SERVER)
        kept = chosen.decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if kept else TraceFlags.DEFAULT)
        context = new_context(trace_id, flags, chosen.trace_state)
        return Trace(
            self._resource, self._processor, context, parent, nanoseconds(begun + shift), shift
        )

    def close(self) -> None:
        """Send what is left, for a limited time."""
        self._processor.force_flush(FLUSH_MS)
        self._processor.shutdown()


@dataclass(slots=True)
class Trace:
    """The trace of one request."""

    _resource: Resource
    _processor: SpanProcessor
    _context: SpanContext
    _parent: SpanContext | None
    _begun: int
    """Nanoseconds since 1970."""
    _shift: float
    """Seconds from the event loop's clock to the time of day."""
    _attempts: list[Attempt] = field(default_factory=list)
    _ids: dict[str, str] | None = None

    @property
    def ids(self) -> dict[str, str] | None:
        """The ids of the request's span, for exemplars; None where nobody keeps it."""
        context = self._context
        if not context.trace_flags.sampled:
            return None
        if self._ids is None:
            trace_id, span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
            self._ids = {"trace_id": trace_id, "span_id": span_id}
        return self._ids

    @contextmanager
    def attempt(self, attributes: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        """The span of an attempt at a worker; yields the headers that lead the worker's spans here.

        An exception marks the span as failed by the exception's type: its text may hold secrets.
        """
        one = Attempt(beside(self._context), dict(attributes), time.time_ns())
        self._attempts.append(one)
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers, set_span_in_context(NonRecordingSpan(one.context), Context()))
        try:
            yield headers
        except BaseException as error:
            one.attributes["error.type"], one.failed = type(error).__name__, True
            raise
        finally:
            one.ended = time.time_ns()

    def ended(
        self, name: str, attributes: Mapping[str, Any], steps: list[Step], failure: str = ""
    ) -> None:
        """End the request's span, and note its steps; ``failure`` is why it failed, if it did."""
        if not self._context.trace_flags.sampled:
            return
        known = {key: value for key, value in attributes.items() if value is not None}
        if failure:
            known["error.type"] = failure
        root = Root(
            name,
            self._context,
            self._parent,
            self._resource,
            known,
            kind=SpanKind.SERVER,
            status=ERROR if failure else UNSET,
            start_time=self._begun,
            end_time=max(self._begun, time.time_ns()),
            instrumentation_scope=SCOPE,
        )
        root.steps, root.attempts, root.shift = steps, self._attempts, self._shift
        self._processor.on_end(root)
