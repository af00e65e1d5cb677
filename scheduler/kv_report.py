"""KvReport and KvReports: what an engine says of its KV use, and what that teaches.

The gateway counts the KV tokens of its jobs. The count is too high where jobs share a prefix, and
wrong where the tokens of prompts, or of answers that are not streamed, are estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

_WEIGHT = 0.2
"""Weight of a new report against the estimates so far. Reports lag behind."""

_TELLING_SHARE = 0.1
"""Least share of the cache that the jobs must hold for a report to tell how good the count is."""

_COUNT_BOUNDS = 0.1, 1.5
"""Bounds on the tokens in use over the tokens counted."""


@dataclass(frozen=True, slots=True)
class KvReport:
    """One report of an engine.

    Args:
        used_tokens: KV tokens in use, shared prefixes counted once.
        prefix_hits: share of prompt tokens found in the prefix cache, 0 to 1.
        settled: whether all requests in the engine run. A request that waits holds nothing.
    """

    used_tokens: float
    prefix_hits: float = 0.0
    settled: bool = False


@dataclass(slots=True)
class KvReports:
    """What the reports of one engine have taught.

    ``shared`` is the share of the prompts' tokens that other jobs hold as well.
    ``used_per_counted`` is the engine's KV use over the gateway's count, without shared prefixes.
    """

    shared: float = 0.0
    used_per_counted: float = 1.0

    def observe_prefixes(
        self, report: KvReport, counted: float, prompt_tokens: float, *, alone: bool = False
    ) -> bool:
        """Learn ``shared``; returns whether it may have changed.

        KV tokens that are counted and not used are shared prefixes, up to the share of prompt
        tokens found cached.

        Args:
            report: the report.
            counted: KV tokens that the gateway counts, with ``shared`` as it is.
            prompt_tokens: tokens of the running jobs' prompts.
            alone: whether a single job runs, which shares with the jobs before and after it only.
        """
        if not prompt_tokens or (report.prefix_hits <= 0 and self.shared <= 0):
            return False
        missing = (counted - report.used_tokens) / prompt_tokens + self.shared
        shared = min(max(missing, 0.0), report.prefix_hits)
        if alone and shared < self.shared:
            return False
        self.shared += _WEIGHT * (shared - self.shared)
        return True

    def observe_count(self, report: KvReport, counted: float, kv_tokens: int) -> bool:
        """Learn ``used_per_counted`` for a cache of ``kv_tokens``; returns whether it has changed.

        While requests wait in the engine, its use is a lower bound of what they all will hold, and
        a ratio above 1 is no longer confirmed. A nearly idle engine tells nothing, and what it told
        before is forgotten.
        """
        least, most = _COUNT_BOUNDS
        ratio = 1.0
        if counted >= _TELLING_SHARE * kv_tokens:
            ratio = min(max(report.used_tokens / counted, least), most)
            if not report.settled:
                ratio = max(ratio, min(self.used_per_counted, 1.0))
        before = self.used_per_counted
        self.used_per_counted += _WEIGHT * (ratio - before)
        return self.used_per_counted != before
