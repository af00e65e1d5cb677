"""Traces: a span for each request, and below it spans for its steps and for each attempt.

Imported only where traces are on: OpenTelemetry is an extra.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import HttpUrl

from gateway.config.traces import TraceSettings
from gateway.tracing.quiet_log import quiet_exporter

FLUSH_MS = 2000
"""Milliseconds at the gateway's end for spans that have not been sent yet."""

CARRIERS = ("traceparent", "tracestate")
"""Headers that carry the context of a trace, in lower case."""

Step = tuple[str, float | None, float | None]
"""Name, beginning and end of a step, on the event loop's clock in seconds; None: there was none."""

_PROPAGATOR = TraceContextTextMapPropagator()


def exporting(settings: TraceSettings, endpoint: HttpUrl) -> Traces:
    """Traces that go to the collector at ``endpoint``, by a thread of the exporter's."""
    url = str(endpoint)
    if endpoint.path in (None, "", "/"):
        url = url.rstrip("/") + "/v1/traces"
    quiet_exporter()
    return Traces(settings, BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))


class Traces:
    """Begins the traces of requests, and hands their spans to ``processor``."""

    def __init__(self, settings: TraceSettings, processor: SpanProcessor) -> None:
        about = {"service.name": settings.service_name, "service.version": version("lengthwise")}
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(settings.sample), resource=Resource.create(about)
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("lengthwise")

    def begin(self, headers: Mapping[str, str], begun: float) -> Trace:
        """The trace of a request with these headers (names in lower case), since ``begun``.

        ``begun`` is on the event loop's clock, in seconds.
        """
        carried = {name: headers[name] for name in CARRIERS if name in headers}
        shift = time.time() - asyncio.get_running_loop().time()
        span = self._tracer.start_span(
            "request", _PROPAGATOR.extract(carried), SpanKind.SERVER, start_time=_ns(begun + shift)
        )
        return Trace(self._tracer, span, shift)

    def close(self) -> None:
        """Send what is left, for a limited time."""
        self._provider.force_flush(FLUSH_MS)
        self._provider.shutdown()


@dataclass(slots=True)
class Trace:
    """The trace of one request."""

    _tracer: Tracer
    _span: Span
    _shift: float
    """Seconds from the event loop's clock to the time of day."""
    _context: Context = field(init=False)

    def __post_init__(self) -> None:
        self._context = set_span_in_context(self._span)

    @property
    def ids(self) -> dict[str, str] | None:
        """The ids of the request's span, for exemplars; None where nobody keeps it."""
        context = self._span.get_span_context()
        if not context.trace_flags.sampled:
            return None
        trace_id, span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
        return {"trace_id": trace_id, "span_id": span_id}

    @contextmanager
    def attempt(self, attributes: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        """The span of an attempt at a worker; yields the headers that lead the worker's spans here.

        An exception marks the span as failed by the exception's type: its text may hold secrets.
        """
        span = self._tracer.start_span("attempt", self._context, SpanKind.CLIENT, attributes)
        headers: dict[str, str] = {}
        _PROPAGATOR.inject(headers, set_span_in_context(span))
        try:
            yield headers
        except BaseException as error:
            _fail(span, type(error).__name__)
            raise
        finally:
            span.end()

    def ended(
        self, name: str, attributes: Mapping[str, Any], steps: list[Step], failure: str = ""
    ) -> None:
        """End the request's span, and add its steps; ``failure`` is why it failed, if it did."""
        if self._span.is_recording():
            for step, begun, end in steps:
                if begun is not None and end is not None:
                    self._add(step, begun, end)
            self._span.update_name(name)
            self._span.set_attributes({k: v for k, v in attributes.items() if v is not None})
            if failure:
                _fail(self._span, failure)
        self._span.end()

    def _add(self, step: str, begun: float, end: float) -> None:
        # uvloop's clock counts whole milliseconds: the shift may be one too large, and a step would
        # end after its request.
        now = time.time_ns()
        times = (min(_ns(at + self._shift), now) for at in (begun, max(begun, end)))
        span = self._tracer.start_span(step, self._context, start_time=next(times))
        span.end(next(times))


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
