"""How full the jobs on a worker may make its KV cache."""

from __future__ import annotations

import math

KV_LIMIT = 0.97
"""With full caution, admit until the KV peak plus its margin, both corrected, is so much of the
cache. Measured: see "How full to fill the KV cache" in scheduler/RESULTS.md."""

KV_FREE = 0.08
"""Share of the cache that stays free at the moment of admission, before a worker of no more than
``KV_FREE_JOBS`` jobs. No forecast is needed for this limit: without the rest, jobs that grow by a
token a step fill the cache before the next one ends, and the engine preempts. Effect: see "A mix of
kinds of traffic" in scheduler/RESULTS.md."""

KV_FREE_JOBS = 30
"""Jobs from which on less stays free. What jobs hold varies about its mean like any sum of
independent parts: by a share that falls with the square root of their number."""


def present_limit(jobs: int) -> float:
    """Share of the cache that so many jobs and a new one may hold when the new one is sent."""
    return 1.0 - KV_FREE * math.sqrt(KV_FREE_JOBS / max(jobs, KV_FREE_JOBS))
