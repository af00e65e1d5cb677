"""Exposition: the page of metrics in the format that the asking Prometheus takes.

OpenMetrics is the format with exemplars, so it is given only where traces are on. A Prometheus asks
for it by itself, and for the plain text as its second choice.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder

PLAIN = "text/plain; version=0.0.4; charset=utf-8"

Exemplar = dict[str, str] | None
"""Ids of the trace that a sample is an example of; None where it has none."""


def exposition(registry: CollectorRegistry, accept: str, *, traced: bool) -> tuple[bytes, str]:
    """The page for a client with this header ``Accept``, and its content type."""
    if not traced or "application/openmetrics-text" not in accept:
        return generate_latest(registry), PLAIN
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
