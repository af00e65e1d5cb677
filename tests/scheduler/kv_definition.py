"""Whether a job fits a KV cache, computed from the definitions."""

from __future__ import annotations

import math

from scheduler.job import Job
from scheduler.kv_forecast import LEAST_STAKE, STEPS
from scheduler.kv_limits import KV_LIMIT
from scheduler.worker import Worker
from tests.scheduler.builders import survival


def expected_to_run(one: Job, attained: int) -> float:
    """Sequences of the job, the longest of which has so many tokens: its lengths are alike."""
    if one.sequences == 1:
        return 1.0
    each = survival(one.length, attained)
    some = 1 - (1 - each) ** one.sequences
    return one.sequences * each / some if some > 0 else 1.0


def held(one: Job, attained: int, step: int, half: float) -> tuple[float, float]:
    """Mean and variance of the KV tokens that a job holds so many steps from now."""
    before = survival(one.length, attained)
    alive = survival(one.length, attained + step) / before if before > 0 else float(step == 0)
    left = alive * expected_to_run(one, attained)
    mean = one.prompt_tokens * min(left, 1.0) + left * (attained + step + half)
    return mean, mean * mean * (1 - alive) / alive if alive > 0 else 0.0


def kv_fits(
    counted: list[tuple[Job, int]], new: Job, at: Worker, margin: float, caution: float
) -> bool:
    """Whether the peak stays within the cache, computed from the definitions.

    ``counted`` are the jobs at the worker with the tokens they had when last counted.
    """
    if at.spec.kv_tokens is None:
        return True
    half = (at.spec.kv_block - 1) / 2
    now = sum(held(one, n, 0, half)[0] for one, n in counted)
    own = held(new, 0, 0, half)[0]
    present = 1 - 0.08 * math.sqrt(min(1.0, 30 / max(len(counted), 1)))
    if now + own > at.spec.kv_tokens * present + margin:
        return False
    if not caution:
        return True
    capacity = at.spec.kv_tokens * KV_LIMIT / caution - at.kv_check.bias * now
    deviations = caution * at.spec.deviations * at.kv_check.scale
    deviations *= math.sqrt(min(1.0, len(counted) / 30))
    for step in STEPS:
        if held(new, 0, step, half)[0] < LEAST_STAKE * own:
            return True
        sums = [held(one, n, step, half) for one, n in [*counted, (new, 0)]]
        mean, variance = map(sum, zip(*sums, strict=True))
        if mean + deviations * math.sqrt(variance) > capacity + margin:
            return False
    return True
