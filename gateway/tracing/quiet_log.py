"""The exporter's log: a line a minute, in place of a trace for each batch that cannot be sent."""

from __future__ import annotations

import logging
from time import monotonic

log = logging.getLogger("lengthwise")

REPEAT_S = 60.0
"""Seconds between two lines about spans that could not be sent."""


class Retold(logging.Handler):
    """Tells one record of OpenTelemetry's a minute as a warning of ours."""

    _last = -REPEAT_S

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the record, or leave it out."""
        now = monotonic()
        if record.levelno < logging.WARNING or now - self._last < REPEAT_S:
            return
        self._last = now
        reason = f" ({record.exc_info[1]!r:.200})" if record.exc_info else ""
        text = f"{record.getMessage():.200}{reason}"
        log.warning("traces are lost: %s. Is traces.endpoint right, and the collector up?", text)


def quiet_exporter() -> None:
    """Let OpenTelemetry's log pass through ``Retold`` alone."""
    theirs = logging.getLogger("opentelemetry")
    theirs.propagate = False
    if not any(isinstance(handler, Retold) for handler in theirs.handlers):
        theirs.addHandler(Retold())
