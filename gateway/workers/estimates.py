"""Estimates of what an engine does not publish: its slots, and the hits of its prefix cache."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.workers.engine_report import EngineReport

DEFAULT_SLOTS = 256
"""Slots of a server that reports no load and has no ``max_num_seqs``: vLLM's own default."""

FULL_KV_USAGE = 0.8
"""KV use from which on an engine may hold requests back for want of memory, not of slots."""


@dataclass(slots=True)
class LearnedSlots:
    """An engine's number of slots. vLLM does not publish its ``max_num_seqs``.

    The gateway sends ``value`` sequences and a few more. If the engine runs more than ``value``
    sequences, ``value`` becomes twice the running sequences. If sequences wait in the engine while
    KV memory is free, ``value`` becomes ``most_running``. Each report can correct a wrong value.
    """

    value: int = 8
    most_running: int = 0
    """Most sequences that ran in any report."""

    def observe(self, *, running: int, waiting: int, kv_usage: float) -> None:
        """Take a report: sequences running and waiting in the engine, KV use from 0 to 1."""
        self.most_running = max(self.most_running, running)
        if running > self.value:
            self.value = 2 * running
        elif waiting > 0 and running > 0 and kv_usage < FULL_KV_USAGE:
            self.value = self.most_running


@dataclass(slots=True)
class PrefixHits:
    """Share of the prompt tokens that an engine found in its prefix cache."""

    rate: float = 0.0
    """The share (0 to 1) since the report before; without new prompts, the earlier share."""
    _queries: float = math.inf
    _hits: float = math.inf

    def observe(self, report: EngineReport) -> None:
        """Take a report. The counters of a restarted engine begin at zero and change nothing."""
        if report.prefix_queries is None or report.prefix_hits is None:
            return
        queries, hits = report.prefix_queries - self._queries, report.prefix_hits - self._hits
        if queries > 0 and hits >= 0:
            self.rate = min(1.0, hits / queries)
        self._queries, self._hits = report.prefix_queries, report.prefix_hits
