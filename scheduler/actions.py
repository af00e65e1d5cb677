"""Actions: what the driver of a ``Scheduler`` has to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scheduler.job import Job

Reason = Literal[
    "queue_full", "queue_tokens_full", "tenant_queue_full", "queue_timeout", "no_healthy_worker"
]
"""Why the scheduler rejects a job. The gateway uses the same word as error code and as outcome in
its metrics."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Send this job to this worker, with ``key`` (smallest first) for the engine's own queue."""

    job: Job
    worker_id: str
    key: float


@dataclass(frozen=True, slots=True)
class Reject:
    """Answer this job with an error; the scheduler has forgotten the job."""

    job: Job
    reason: Reason


Action = Dispatch | Reject
