"""Limit headers: what is left of the limits per minute, as OpenAI tells it to its clients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.access.account import Account
from gateway.access.bucket import Bucket
from gateway.config.access import Limits
from gateway.protocol.headers import Headers

PREFIX = b"x-ratelimit-"


def limit_headers(accounts: Sequence[tuple[Account, Limits]], now: float) -> Headers:
    """The headers for limits of requests and of tokens; [] where there are none.

    Of several accounts, the one with the least left counts. ``now`` is on their clock.
    """
    for one, _ in accounts:
        one.refresh()
    requests = ((one.requests, limits.requests_per_min) for one, limits in accounts)
    tokens = ((one.tokens, limits.tokens_per_min) for one, limits in accounts)
    return [*_of("requests", requests, now), *_of("tokens", tokens, now)]


def _of(unit: str, buckets: Iterable[tuple[Bucket, int | None]], now: float) -> Headers:
    limited = [(bucket, limit) for bucket, limit in buckets if limit]
    if not limited:
        return []
    bucket, limit = min(limited, key=lambda one: one[0].left(one[1], now))
    told = {
        "limit": str(limit),
        "remaining": str(int(bucket.left(limit, now))),
        "reset": duration(bucket.full_in(limit)),
    }
    return [(b"%s%s-%s" % (PREFIX, k.encode(), unit.encode()), v.encode()) for k, v in told.items()]


def duration(seconds: float) -> str:
    """Seconds as Go writes them, such as 120ms, 8.64s or 6m0s."""
    thousandths = round(1000 * seconds)
    if thousandths < 1000:
        return f"{thousandths}ms" if thousandths else "0s"
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    shown = f"{rest / 1000:g}s"
    if hours:
        return f"{hours}h{minutes}m{shown}"
    return f"{minutes}m{shown}" if minutes else shown
