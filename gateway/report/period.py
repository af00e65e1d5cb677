"""Period: the part of the log that a report is about."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.report.errors import ReportError

DEFAULT_LAST = "24h"
ALL = "all"

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)([mhd])")


@dataclass(frozen=True, slots=True)
class Period:
    """Arrivals from ``since`` on and before ``until`` (Unix seconds).

    With ``span`` (seconds), the period ends with the log's last arrival and is so long.
    """

    since: float = -math.inf
    until: float = math.inf
    span: float = math.inf

    def bounds(self, last: float) -> tuple[float, float]:
        """First and last arrival of the period in a log whose last arrival is ``last``."""
        if self.span < math.inf:
            return last - self.span, last
        return self.since, self.until

    def asked(self, last: float) -> tuple[float, float]:
        """As ``bounds``, for requests that the log lacks: with ``span``, those after it too."""
        begin, end = self.bounds(last)
        return begin, math.inf if self.span < math.inf else end


def period_of(last: str | None, since: str | None, until: str | None, now: float) -> Period:
    """The period that the flags name; ``now`` is in Unix seconds.

    Raises:
        ReportError: a flag is no time, flags exclude each other, or nothing is between them.
    """
    if since is None and until is None:
        text = last or DEFAULT_LAST
        return Period() if text == ALL else Period(span=_span("--last", text))
    if last is not None:
        raise ReportError("--last and --since or --until exclude each other; leave one out")
    period = Period(
        -math.inf if since is None else _moment("--since", since, now),
        math.inf if until is None else _moment("--until", until, now),
    )
    if period.since >= period.until:
        raise ReportError(f"--since {since} is not before --until {until}; swap them")
    return period


def _span(flag: str, text: str) -> float:
    seconds = _seconds(text)
    if not seconds:
        raise ReportError(f"{flag} {text[:100]}: is no span; give minutes, hours or days (24h, 7d)")
    return seconds


def _seconds(text: str) -> float | None:
    found = _SPAN.fullmatch(text)
    return float(found[1]) * _UNITS[found[2]] if found else None


def _moment(flag: str, text: str, now: float) -> float:
    """Unix seconds; a time without an offset is in UTC."""
    if (ago := _seconds(text)) is not None:
        return now - ago
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ReportError(
            f"{flag} {text[:100]}: is no time; give a date (2026-11-30), a time "
            "(2026-11-30T08:00, in UTC), or how long ago (12h, 7d)"
        ) from None
