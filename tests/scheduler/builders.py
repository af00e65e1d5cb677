"""Jobs, workers and distributions with defaults, so that a test names only what it is about."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hypothesis import strategies as st

from scheduler.actions import Action, Dispatch
from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.policy import sejf
from scheduler.scheduler import Scheduler
from scheduler.worker_spec import KV_BLOCK, WorkerSpec

SEJF = sejf(0.03)
"""Shortest first, with ageing."""


def job(
    id: str,
    *,
    model: str = "m",
    arrival: float = 0.0,
    prompt: int = 10,
    tokens: float | LengthDistribution = 100,
    sequences: int = 1,
    deadline: float = math.inf,
    tenant: str = "",
    share: float = 1.0,
    urgency: int = 0,
    affinity: str = "",
    worker: str = "",
) -> Job:
    """A job; ``tokens`` is its length, known exactly or as a distribution."""
    length = tokens if isinstance(tokens, LengthDistribution) else LengthDistribution.point(tokens)
    return Job(
        id=id,
        model=model,
        arrival=arrival,
        prompt_tokens=prompt,
        length=length,
        sequences=sequences,
        deadline=deadline,
        tenant=tenant,
        share=share,
        urgency=urgency,
        affinity=affinity,
        worker=worker,
        arrival_turns=arrival,
    )


def spec(
    id: str = "w",
    *,
    models: Iterable[str] = ("m",),
    slots: int = 1,
    kv_tokens: int | None = None,
    engine_queue: int = 0,
    kv_block: int = KV_BLOCK,
    speed: float = 1.0,
    last_resort: bool = False,
    rank: int = 0,
) -> WorkerSpec:
    """The spec of a worker of one slot and no engine queue by default."""
    return WorkerSpec(
        id=id,
        models=frozenset(models),
        slots=slots,
        kv_tokens=kv_tokens,
        engine_queue=engine_queue,
        kv_block=kv_block,
        speed=speed,
        last_resort=last_resort,
        rank=rank,
    )


def running_count(scheduler: Scheduler) -> int:
    """The number of jobs at the workers."""
    return sum(map(len, scheduler.workers.values()))


def survival(length: LengthDistribution, attained: float) -> float:
    """The probability of more than ``attained`` tokens, summed over the atoms."""
    atoms = zip(length.tokens, length.mass, strict=True)
    return math.fsum(mass for tokens, mass in atoms if tokens > attained)


def summary(actions: Iterable[Action]) -> list[str]:
    """The actions in short: ``a>w`` sends job a to worker w, ``a!queue_full`` rejects job a."""
    return [
        f"{action.job.id}>{action.worker_id}"
        if isinstance(action, Dispatch)
        else f"{action.job.id}!{action.reason}"
        for action in actions
    ]


def distributions(longest: int = 20_000) -> st.SearchStrategy[LengthDistribution]:
    """Distributions of one to thirty-two atoms at whole token counts."""
    atoms = st.dictionaries(st.integers(1, longest), st.integers(1, 1000), min_size=1, max_size=32)
    return atoms.map(lambda a: LengthDistribution.weighted([*a], [*map(float, a.values())]))
