"""Debug headers: what became of a request, told to its client where it or the settings ask."""

from __future__ import annotations

from gateway.config.log import LogSettings
from gateway.protocol.headers import Headers, header
from gateway.requests.in_flight import InFlightRequest

ASK = b"x-lengthwise-debug"


def wants_debug(settings: LogSettings, headers: Headers) -> bool:
    """Whether the answer to a request with these headers has debug headers."""
    if settings.debug_headers == "asked":
        return header(headers, ASK).strip() == "1"
    return settings.debug_headers == "always"


def debug_headers(in_flight: InFlightRequest) -> Headers:
    """The headers as far as they are known: the forecast, then also queue time and worker."""
    record = in_flight.relay.record
    low, median, high = map(round, in_flight.forecast.central)
    told = {"forecast-median": f"{median}", "forecast-80": f"{low}-{high}"}
    if record.dispatched is not None:
        queue_ms = 1000 * (record.dispatched - record.arrival)
        told |= {"queue-ms": f"{queue_ms:.1f}", "worker": in_flight.worker}
    return [(f"x-lengthwise-{name}".encode(), value.encode()) for name, value in told.items()]
