"""Statistics of a simulation, as one flat row of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from scheduler.sim.simulator import Outcome


def run_statistics(outcome: Outcome) -> dict[str, float]:
    """Latencies in seconds over all finished requests, throughput in output tokens a second.

    ``throughput_tokens`` is over the whole run, whose end may be a few long answers alone in an
    engine. ``throughput_sustained`` is over the time until the last arrival, which depends on no
    policy. ``max_wait`` is the longest wait from arrival to the first step, ``max_queue_wait`` the
    longest wait in the scheduler's queue. The row is empty if no request finished.
    """
    ended = outcome.ended
    if not ended:
        return {}
    first = min(record.arrival for record in ended)
    last = max(record.arrival for record in outcome.records)
    e2e = _sorted(record.e2e for record in ended)
    ttft = _sorted(record.ttft for record in ended)
    normalised = _sorted(record.normalised_latency for record in ended)
    tokens = sum(record.output_tokens for record in ended)
    return {
        "mean_normalised_latency": _mean(normalised),
        "p99_normalised_latency": quantile(normalised, 0.99),
        "mean_e2e": _mean(e2e),
        "p50_e2e": quantile(e2e, 0.5),
        "p99_e2e": quantile(e2e, 0.99),
        "mean_ttft": _mean(ttft),
        "p99_ttft": quantile(ttft, 0.99),
        "throughput_tokens": tokens / max(outcome.duration - first, 1e-9),
        "throughput_sustained": outcome.generated_early / max(last - first, 1e-9),
        "preemptions": outcome.preemptions,
        "max_wait": outcome.max_wait,
        "max_queue_wait": max(_sorted(record.queue_wait for record in ended), default=0.0),
        "requests": len(ended),
        "dropped": outcome.dropped,
        "rejected": outcome.rejected,
        "steps": outcome.steps,
    }


def quantile(ordered: Sequence[float], level: float) -> float:
    """The quantile of ascending values, interpolated linearly; NaN without values."""
    if not ordered:
        return math.nan
    position = level * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (position - low) * (ordered[high] - ordered[low])


def _sorted(values: Iterable[float | None]) -> list[float]:
    return sorted(value for value in values if value is not None)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
