"""Place comments: where a request stands in the queue, in its stream, for clients that ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.config.log import LogSettings
from gateway.protocol.headers import Headers, header
from gateway.scheduling.waiting_order import Order
from scheduler.job import Job

ASK = b"x-lengthwise-position"


def wants_place(settings: LogSettings, headers: Headers) -> bool:
    """Whether a request with these headers is told its place."""
    asked = header(headers, ASK).strip().lower()
    return asked in {"1", "true"} and settings.debug_headers != "never"


def place_comment(order: Order, job: Job) -> Callable[[], Awaitable[bytes]]:
    """What gives the comment for a job; b"" while it does not wait."""

    async def comment() -> bytes:
        place = await order.place(job.id)
        if place is None or not order.waits(job.id):
            return b""
        told, starts_in_s = f": position={place.position}", order.starts_in_s(place)
        if starts_in_s is not None:
            told += f" starts_in_s={starts_in_s:.1f}"
        return told.encode() + b"\n\n"

    return comment
