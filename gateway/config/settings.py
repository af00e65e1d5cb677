"""Config: the whole configuration. This folder types, bounds and documents every setting."""

from __future__ import annotations

from pydantic import Field

from gateway.config.forecasting import Learning, PredictorConfig
from gateway.config.scheduling import Queue, Scheduling, Slo
from gateway.config.section import Section
from gateway.config.tenants import Tenants
from gateway.config.workers import DiscoverySettings, Health, WorkerConfig


class Listen(Section):
    """Where clients reach the gateway."""

    host: str = "127.0.0.1"
    """Address to bind. 127.0.0.1 is reachable from this machine only, 0.0.0.0 from anywhere."""
    port: int = Field(default=8080, ge=0, le=65535)
    """TCP port. 0 takes a free port and prints it."""
    keep_alive_s: int = Field(default=75, ge=1, le=3600)
    """Seconds that an idle client connection stays open. A client gets an error when the gateway
    closes a connection while the next request is on its way. So the value should exceed the
    keep-alive of clients and load balancers (httpx 5, AWS 60)."""


class Requests(Section):
    """Bounds on one request."""

    max_body_bytes: int = Field(default=64 * 2**20, ge=1024)
    """Bytes of a request's body. A larger body is answered 413 (body_too_large)."""
    timeout_s: float = Field(default=3600.0, gt=0, le=604_800)
    """Seconds from a request's arrival to the last byte of its answer. Then the request is answered
    504 (request_timeout)."""
    retries: int = Field(default=2, ge=0, le=10)
    """Times that a request is sent again after a worker failed before the first byte."""


class Shutdown(Section):
    """What happens on SIGTERM."""

    drain_timeout_s: float = Field(default=600.0, ge=0, le=86_400)
    """Seconds that accepted requests may take to end. Then their connections are closed."""


class Config(Section):
    """The whole configuration, as in deploy/lengthwise.yaml."""

    listen: Listen = Listen()
    workers: tuple[WorkerConfig, ...] = ()
    """The vLLM servers. Without workers and without discovery, the gateway starts one emulated
    worker for trials."""
    discovery: DiscoverySettings = DiscoverySettings()
    scheduling: Scheduling = Scheduling()
    queue: Queue = Queue()
    tenants: Tenants = Tenants()
    requests: Requests = Requests()
    health: Health = Health()
    predictor: PredictorConfig = PredictorConfig()
    learning: Learning = Learning()
    slo: Slo = Slo()
    shutdown: Shutdown = Shutdown()
