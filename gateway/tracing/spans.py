"""The spans of a request, made from what was noted while it ran, on the exporter's thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

Step = tuple[str, float | None, float | None]
"""Name, beginning and end of a step, on the event loop's clock in seconds; None: there was none."""

IDS = RandomIdGenerator()
SCOPE = InstrumentationScope("lengthwise")
ERROR, UNSET = Status(StatusCode.ERROR), Status(StatusCode.UNSET)


class Service(Resource):
    """What all spans come from. The exporter asks for its hash for each span: a JSON text."""

    _hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = super().__hash__()
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or super().__eq__(other)


class Root(ReadableSpan):
    """The span of a request, and what the spans below it are made of."""

    steps: list[Step]
    attempts: list[Attempt]
    shift: float

    def unfolded(self) -> Iterator[ReadableSpan]:
        """All spans of the request, its own last."""
        ended = self.end_time or 0
        for attempt in self.attempts:
            until = attempt.ended or ended
            yield self._below("attempt", attempt.context, attempt.begun, until, attempt)
        for name, begun, end in self.steps:
            if begun is not None and end is not None:
                # uvloop's clock counts whole milliseconds: the shift may be one too large, and a
                # step would end after its request.
                first, last = (nanoseconds(at + self.shift) for at in (begun, max(begun, end)))
                yield self._below(name, beside(self.context), min(first, ended), min(last, ended))
        yield self

    def _below(
        self, name: str, context: SpanContext, begun: int, ended: int, about: Attempt | None = None
    ) -> ReadableSpan:
        return ReadableSpan(
            name,
            context,
            self.context,
            self.resource,
            {} if about is None else about.attributes,
            kind=SpanKind.INTERNAL if about is None else SpanKind.CLIENT,
            status=ERROR if about is not None and about.failed else UNSET,
            start_time=begun,
            end_time=ended,
            instrumentation_scope=SCOPE,
        )


class Unfolding(SpanExporter):
    """Makes the spans of requests, on the thread that exports them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export all spans of these requests."""
        roots = (root for root in spans if isinstance(root, Root))
        return self._exporter.export([span for root in roots for span in root.unfolded()])

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what the exporter still holds."""
        return self._exporter.force_flush(timeout_millis)


@dataclass(slots=True)
class Attempt:
    """An attempt at a worker; times in nanoseconds since 1970, 0 for an end yet to come."""

    context: SpanContext
    attributes: dict[str, Any]
    begun: int
    ended: int = 0
    failed: bool = False


def new_context(trace_id: int, flags: TraceFlags, state: TraceState | None) -> SpanContext:
    """The context of a new span."""
    return SpanContext(trace_id, IDS.generate_span_id(), False, flags, state)


def beside(context: SpanContext) -> SpanContext:
    """The context of another span of the same trace."""
    return new_context(context.trace_id, context.trace_flags, context.trace_state)


def nanoseconds(seconds: float) -> int:
    """Seconds as OpenTelemetry counts them."""
    return int(seconds * 1e9)
