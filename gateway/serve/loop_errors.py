"""LoopErrors: what fails in the event loop with nobody to catch it is logged and counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger("lengthwise")

PAUSE_S = 60.0
"""Seconds between two entries about one fault: a fault of each new connection fills disks."""

_MOST_KINDS = 1000


class LoopErrors:
    """The event loop's handler of exceptions."""

    def __init__(self, count: Callable[[], None]) -> None:
        self._count = count
        self._told: dict[tuple[str, str], float] = {}

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Count an error, and log it with its trace unless the same one was just logged."""
        self._count()
        message, error = str(context.get("message", "")), context.get("exception")
        kind, now = (message, type(error).__name__), loop.time()
        if now - self._told.get(kind, -PAUSE_S) < PAUSE_S:
            return
        if len(self._told) >= _MOST_KINDS:
            self._told.clear()
        self._told[kind] = now
        log.error(
            "%s; the gateway goes on, and more of the same is counted, not logged, for a minute",
            message or "an error that nobody caught",
            exc_info=error,
        )
