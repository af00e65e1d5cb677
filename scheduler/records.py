"""RequestRecord: the timestamps of one request, and the latency metrics by these timestamps."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class RequestRecord:
    """Times of a request's events, in seconds on one clock, and the request's size in tokens.

    The time of a future event is None. A metric that needs a missing time is None. The metrics are
    defined as in vLLM and in Vidur's ``docs/metrics.md``.
    """

    arrival: float
    due: float = math.inf
    """Until when the client wants the whole answer."""
    dispatched: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    finished: float | None = None
    prompt_tokens: int = 0
    output_tokens: int = 0
    read: float | None = None
    forecast_at: float | None = None
    queued: float | None = None

    @property
    def queue_wait(self) -> float | None:
        """Seconds from arrival to the (last) dispatch to a worker."""
        return None if self.dispatched is None else self.dispatched - self.arrival

    @property
    def ttft(self) -> float | None:
        """Time to first token, seconds from arrival."""
        return None if self.first_token is None else self.first_token - self.arrival

    @property
    def tpot(self) -> float | None:
        """Time per output token after the first, in seconds."""
        if self.first_token is None or self.last_token is None or self.output_tokens < 2:
            return None
        return (self.last_token - self.first_token) / (self.output_tokens - 1)

    @property
    def e2e(self) -> float | None:
        """End-to-end latency, seconds from arrival to the end of the answer."""
        return None if self.finished is None else self.finished - self.arrival

    @property
    def normalised_latency(self) -> float | None:
        """End-to-end latency per output token, in seconds."""
        if self.e2e is None or self.output_tokens < 1:
            return None
        return self.e2e / self.output_tokens
