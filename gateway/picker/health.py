"""Health: gRPC's health service, by which Kubernetes and data planes judge the picker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler

from gateway.picker.messages import HealthCheckRequest, HealthCheckResponse
from gateway.picker.service import NAME

SERVING, NOT_SERVING = 1, 2
LIVE = frozenset(("", "liveness"))
READY = frozenset(("readiness", NAME))
"""Services by what is asked of them: the process answers, or a worker takes requests."""


@dataclass(frozen=True, slots=True)
class Health:
    """The service; ``ready`` tells whether requests should come."""

    ready: Callable[[], bool]

    async def check(self, stream: Any) -> None:
        """Answer one check."""
        service = (await stream.recv_message()).service
        if service not in LIVE | READY:
            known = f"liveness, readiness and {NAME}"
            raise GRPCError(Status.NOT_FOUND, f"no service {service[:100]!r}; there are {known}")
        well = service in LIVE or self.ready()
        await stream.send_message(HealthCheckResponse(status=SERVING if well else NOT_SERVING))

    def __mapping__(self) -> dict[str, Handler]:
        """The service for a gRPC server."""
        kinds = Cardinality.UNARY_UNARY, HealthCheckRequest, HealthCheckResponse
        return {"/grpc.health.v1.Health/Check": Handler(self.check, *kinds)}
