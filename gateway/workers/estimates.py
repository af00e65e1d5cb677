"""LearnedSlots: how many sequences an engine runs at once, learned from what it reports."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.workers.engine_report import EngineReport


@dataclass(slots=True)
class LearnedSlots:
    """An engine's sequence limit. vLLM does not publish its ``max_num_seqs``.

    The gateway sends ``value`` sequences and a few more. If the engine runs those too, its limit
    is higher and ``value`` doubles; if it lets them wait although KV memory is free, the most it
    ever ran is its limit. A wrong guess corrects itself at the next report.
    """

    value: int = 8
    most_running: int = 0

    def observe(self, *, running: int, waiting: int, kv_usage: float) -> None:
        """Take a report: sequences running and waiting in the engine, KV use from 0 to 1."""
        self.most_running = max(self.most_running, running)
        if running > self.value:
            self.value = 2 * running
        elif waiting > 0 and running > 0 and kv_usage < 0.8:
            # Above that the engine may hold requests back for want of memory, not of slots.
            self.value = self.most_running


@dataclass(slots=True)
class PrefixHits:
    """Part of the prompt tokens that an engine found cached, between two of its reports."""

    rate: float = 0.0
    _queries: float = math.inf
    _hits: float = math.inf

    def observe(self, report: EngineReport) -> None:
        """Take a report; one without new prompts, or of an engine that began anew, says nothing."""
        if report.prefix_queries is None or report.prefix_hits is None:
            return
        asked, found = report.prefix_queries - self._queries, report.prefix_hits - self._hits
        if asked > 0 and found >= 0:
            self.rate = min(1.0, found / asked)
        self._queries, self._hits = report.prefix_queries, report.prefix_hits
