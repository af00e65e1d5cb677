"""Settings of the endpoint picker: the section ``picker``."""

from __future__ import annotations

from pydantic import Field

from gateway.config.listen import Tls
from gateway.config.section import Section


class Picker(Section):
    """Where `lengthwise picker` answers Envoy. `lengthwise serve` has no use for the section."""

    host: str = "127.0.0.1"
    """Address to bind. 127.0.0.1 is reachable from this machine only, 0.0.0.0 from anywhere."""
    port: int = Field(default=9002, ge=0, le=65535)
    """TCP port for gRPC. 0 takes a free port and prints it."""
    tls: Tls = Tls()
    """Certificate with which the picker serves gRPC over TLS."""
    max_requests: int = Field(default=20_000, ge=1, le=1_000_000)
    """Requests of Envoy that the picker has at a time, held or answered by a worker. One more is
    answered 503 (too_many_connections). `queue.max_waiting` bounds those that are held,
    `requests.max_body_bytes` and `requests.max_bodies_bytes` their bodies."""
