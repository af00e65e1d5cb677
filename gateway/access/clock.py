"""Clock: the times that access goes by. Tests set their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """Two clocks, in seconds."""

    wall: Callable[[], float] = time.time
    """Seconds since 1970, for expiry and calendars."""
    steady: Callable[[], float] = time.monotonic
    """A clock that nobody sets, for what happens per minute."""
