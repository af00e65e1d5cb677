"""Settings of the traces: the section ``traces``."""

from __future__ import annotations

from pydantic import Field, HttpUrl

from gateway.config.section import Section


class TraceSettings(Section):
    """Traces of requests for OpenTelemetry. Needs `pip install '.[traces]'`."""

    endpoint: HttpUrl | None = None
    """URL of a collector that takes OTLP over HTTP, such as http://collector:4318 (/v1/traces is
    added where there is no path). Headers for it, such as a key, come from the variable
    OTEL_EXPORTER_OTLP_HEADERS; OTEL_SDK_DISABLED=true switches traces off, and sizes in OTEL_BSP_*
    count requests, each of some six spans. None: no traces."""
    sample: float = Field(default=1.0, ge=0, le=1)
    """Share of the traces that begin here and are kept. Where a client sends `traceparent`, its
    decision counts."""
    service_name: str = Field(default="lengthwise", min_length=1, max_length=200)
    """Name of this gateway in traces."""
