"""Estimates of what an engine does not publish: its slots, and the hits of its prefix cache."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gateway.workers.engine_report import EngineReport

DEFAULT_SLOTS = 256
"""Slots of a server that reports no load and has no ``max_num_seqs``: vLLM's own default."""

FULL_KV_USAGE = 0.8
"""KV use from which on an engine may hold requests back for want of memory, not of slots."""


FEWEST_REPORTS = 3
"""Reports in a row that must agree before fewer slots are believed, or more are tried."""

STEPS = 8
"""Steps that the engine must have taken between these reports. An engine that still reads long
prompts lets others wait although it has slots for them."""

_STALE_PART = 0.1
"""Weight of a report whose engine has generated nothing since the report before."""

_MARGIN = 0.9
"""A limit that is confirmed falls only to less than so much of it: busy engines run a few less."""


@dataclass(slots=True)
class LearnedSlots:
    """An engine's number of slots. vLLM does not publish its ``max_num_seqs``.

    The gateway sends ``value`` sequences and one or more beyond, from one slot on: an engine of one
    slot is never flooded. If the engine runs more than ``value`` sequences, or takes all it gets
    without letting any wait, ``value`` doubles. If sequences wait in the engine over several
    reports and steps while KV memory is free, ``value`` becomes what ran. Each report can correct a
    wrong value.
    """

    value: int = 1
    reported: bool = False
    """Whether the engine has ever reported its load."""
    confirmed: int = 0
    """Times in a row that the reports have confirmed ``value``."""
    _most: int = 0
    """Most sequences that ran while others waited, in the present row of reports."""
    _reports: int = 0
    _generated: float | None = None
    """Output tokens of the engine when the row began."""
    _ease: float = 0.0
    """Weight of the reports in a row without a waiting sequence from a worker that was full."""
    _last: float | None = None

    def observe(
        self,
        *,
        running: int,
        waiting: int,
        kv_usage: float,
        sent: int = 0,
        generated: float | None = None,
    ) -> None:
        """Take a report.

        Args:
            running: sequences that run in the engine.
            waiting: sequences that wait in the engine.
            kv_usage: part of the KV cache in use, 0 to 1.
            sent: sequences that the gateway has at the engine.
            generated: output tokens since the engine started, None if unknown.
        """
        self.reported = True
        if running > self.value:
            self._become(2 * running)
        elif waiting == 0:
            self._most = self._reports = 0
            self._observe_ease(sent, generated)
        elif running > 0 and kv_usage < FULL_KV_USAGE:
            self._ease = 0.0
            self._observe_limit(running, generated)
        self._last = generated

    def _observe_ease(self, sent: int, generated: float | None) -> None:
        if sent < self.value:
            self._ease = 0.0
            return
        self._ease += _STALE_PART if generated is not None and generated == self._last else 1.0
        if self._ease >= FEWEST_REPORTS - 1e-9 and self.value < DEFAULT_SLOTS:
            self._become(2 * self.value)

    def _observe_limit(self, running: int, generated: float | None) -> None:
        if running > self._most:
            self._most, self._reports, self._generated = running, 0, generated
        self._reports += 1
        if self._reports < FEWEST_REPORTS or self._steps(generated) < STEPS:
            return
        if not self.confirmed or self._most < _MARGIN * self.value:
            self.value = self._most
        self.confirmed += 1
        self._most = 0

    def _steps(self, generated: float | None) -> float:
        if generated is None or self._generated is None:
            return STEPS
        return abs(generated - self._generated) / self._most  # a restarted engine counts anew

    def _become(self, value: int) -> None:
        self.value, self.confirmed = value, 0
        self._most = self._reports = 0
        self._ease = 0.0


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
