"""Settings of the listener: the section ``listen``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from gateway.config.section import Section


class Tls(Section):
    """TLS for clients."""

    certificate: Path | None = None
    """PEM file with the certificate, followed by those of the authorities between it and a root.
    The gateway notices within seconds when the file changes; open connections stay as they are.
    None: without TLS."""
    key: Path | None = None
    """PEM file with the private key, without a password. None: it is in the certificate's file."""

    @model_validator(mode="after")
    def _belong_together(self) -> Tls:
        if self.key is not None and self.certificate is None:
            raise ValueError(f"key is {self.key} and certificate unset: set both, or none")
        return self


class Listen(Section):
    """Where clients reach the gateway, and what their connections may cost."""

    host: str = "127.0.0.1"
    """Address to bind. 127.0.0.1 is reachable from this machine only, 0.0.0.0 from anywhere."""
    port: int = Field(default=8080, ge=0, le=65535)
    """TCP port. 0 takes a free port and prints it."""
    tls: Tls = Tls()
    """Certificate with which clients are served over TLS (1.2 and later)."""
    fronts: int = Field(default=1, ge=1, le=64)
    """Processes that serve clients on the one port, for more CPU cores; 1: one process does all."""
    keep_alive_s: int = Field(default=75, ge=1, le=3600)
    """Seconds that an idle client connection stays open. A client gets an error when the gateway
    closes a connection while the next request is on its way. So the value should exceed the
    keep-alive of clients and load balancers (httpx 5, AWS 60)."""
    max_connections: int | None = Field(default=None, ge=1, le=1_000_000)
    """Client connections at a time. One more closes the connection that has been silent for longest
    and waits for no answer, or else is answered 503 (too_many_connections). None: 20,000, or as
    many as half of the process's descriptors (ulimit -n) allow."""
    max_connections_per_address: int | None = Field(default=None, ge=1, le=1_000_000)
    """Connections at a time from one address (of IPv6: one /64). One more is answered 503
    (too_many_connections). None: no bound, since a proxy has one address for all its clients."""
    header_timeout_s: float = Field(default=20.0, gt=0, le=3600)
    """Seconds that a client may take to send a request's headers, from their first byte. Then the
    request is answered 408 (header_timeout)."""
    max_header_bytes: int = Field(default=65_536, ge=1024, le=16 * 2**20)
    """Bytes of a request's line and headers. More are answered 431 (headers_too_large)."""
    max_headers: int = Field(default=200, ge=10, le=100_000)
    """Headers of a request. More are answered 431 (headers_too_large)."""
    max_url_bytes: int = Field(default=16_384, ge=256, le=16 * 2**20)
    """Bytes of a request's path and query. More are answered 414 (url_too_long)."""
    max_pipelined: int = Field(default=16, ge=0, le=1000)
    """Requests that a client may send on one connection before the answer to an earlier one. What
    comes after is thrown away, and the connection closes after the last of these answers."""
    send_timeout_s: float = Field(default=10.0, gt=0, le=3600)
    """Seconds for which a client may take next to nothing (less than 256 bytes a second) of an
    answer that waits for it. Then its connection is closed (outcome client_too_slow)."""
    send_timeout_queued_s: float = Field(default=3.0, gt=0, le=3600)
    """Seconds for which a client may take nothing at all of an answer that waits for it, while
    other requests wait for a worker and its machine answers. Then its connection is closed too,
    since its request may hold a worker. As `send_timeout_s` or more: no such difference."""
