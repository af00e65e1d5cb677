"""Settings of the shadow: the section ``shadow``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.config.section import Section


class ShadowSettings(Section):
    """A replay of the last requests under fcfs and without the gateway, in a process beside it."""

    enabled: Literal["auto", "on", "off"] = "auto"
    """Whether to measure what the policy saves. auto: where the gateway may use two CPU cores or
    more. The process begins with the first hundred answers and has the lowest priority."""
    window_s: float = Field(default=600.0, ge=10, le=86_400)
    """Seconds of traffic that the figures are about."""
    interval_s: float = Field(default=30.0, ge=1, le=3600)
    """Seconds between two replays; more where a replay takes long, so that the process uses a fifth
    of a core at most."""
    most_requests: int = Field(default=3000, ge=200, le=100_000)
    """Requests of a replay, those before the window included; one of several sequences counts as
    so many. With more traffic the window is shorter."""
    tolerance: float = Field(default=0.2, gt=0, le=10)
    """Largest share by which the replay of the present policy may be off from the latencies that
    really came (a p99 by a quarter more). Beyond it there are no figures."""
