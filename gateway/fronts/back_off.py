"""BackOff: how long a child that has ended waits for its next start, and when it gets none."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from predictor.exit_codes import BAD_INPUT

MOST_FAILURES = 5
"""Deaths in a row before it served, after which a child is given up."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0
"""Seconds before the second start in a row, and at most; each pause is twice the one before."""

STEADY_S = 10.0
"""Seconds of serving after which the next start waits for nothing. A front needs some two CPU
seconds to begin: one that dies sooner than in a few times that burns a core on its starts."""

NOT_STARTED = 126
"""Code of a child that the system could not start, as a shell tells it."""


class BackOff:
    """Counts failures in a row. ``clock`` gives seconds, such as ``monotonic``."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.served = False
        """Whether the child has served at any time."""
        self.failures = 0
        """Deaths in a row before it served."""
        self._clock = clock
        self._short = 0
        """Lives in a row that were no steady service."""
        self._ready_at: float | None = None

    @property
    def serves(self) -> bool:
        """Whether the child has served since its last start."""
        return self._ready_at is not None

    def started(self) -> None:
        """The child starts."""
        self._ready_at = None

    def ready(self) -> None:
        """The child serves."""
        self.served, self._ready_at = True, self._clock()

    def pause_after(self, code: int) -> float | None:
        """Seconds until the next start after an end with ``code``; None: it is given up."""
        if self._ready_at is not None:
            self.failures = 0
            if self._clock() - self._ready_at >= STEADY_S:
                self._short = 0
                return 0.0
        # A configuration that became wrong, or a system that is short of processes for a while, is
        # no reason to end a gateway whose other processes serve: the child comes back later.
        elif not (self.served and code in {BAD_INPUT, NOT_STARTED}):
            self.failures += 1
        if self.failures >= MOST_FAILURES or (not self.served and code == BAD_INPUT):
            return None
        self._short += 1
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._short - 1, 10))
