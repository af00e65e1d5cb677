"""Stall: an engine whose sequences run and do not grow, whatever its server says of its health.

The same reports tell when an engine grows, and when it is so short of memory that it takes memory
from sequences, which then wait.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.workers.engine_report import EngineReport
from gateway.workers.estimates import FULL_KV_USAGE
from gateway.workers.exchanges import Exchanges


@dataclass(slots=True)
class Stall:
    """Compares an engine's reports. Times are seconds of the loop's clock.

    An engine that generates nothing, such as one of embeddings, stalls only if none of the
    gateway's own requests gets on either.
    """

    found: bool = False
    """Whether the engine has stalled, and has shown no progress since."""
    _generated: float | None = None
    _preemptions: float | None = None
    _since: float = math.inf
    """When the engine was last seen to make progress, or to have nothing to do."""

    def seconds(self, report: EngineReport, exchanges: Exchanges, now: float) -> float:
        """Seconds for which requests have waited there without any progress."""
        idle = report.running == 0 and not report.waiting
        exchanges.idle_since = min(exchanges.idle_since, now) if idle else math.inf
        self._note_growth(report, exchanges, now)
        moves = self._moves(report) or exchanges.progressed > self._since or not exchanges
        self._generated, self._preemptions = report.generated, report.preemptions
        if moves or self._since > now:
            self._since = now
        # Reports may be further apart than requests last: before a request nobody waited.
        return max(0.0, now - max(self._since, exchanges.oldest)) if exchanges else 0.0

    def lasts(self, report: EngineReport) -> bool:
        """Whether an engine that was found stalled still is, by its next report."""
        if self.found and self._moves(report):
            self.found, self._since = False, math.inf
        return self.found

    def _note_growth(self, report: EngineReport, exchanges: Exchanges, now: float) -> None:
        """Note for the requests there that the engine grows, and whether it is short of memory."""
        if report.generated is None or self._generated is None:
            return
        if report.generated <= self._generated:
            return
        exchanges.grew = now
        if self._preempts(report):
            exchanges.pressed = now

    def _preempts(self, report: EngineReport) -> bool:
        """Whether sequences have lost their memory, or still wait for it."""
        lost, before = report.preemptions or 0.0, self._preemptions
        full = report.kv_usage is None or report.kv_usage >= FULL_KV_USAGE
        return (before is not None and lost > before) or bool(lost and report.waiting and full)

    def _moves(self, report: EngineReport) -> bool:
        """Whether the engine makes progress, has nothing to do, or does not tell."""
        silent = not report.running or report.generated is None
        return silent or report.generated != self._generated
