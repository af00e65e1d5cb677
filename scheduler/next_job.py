"""The next job to dispatch, and its worker."""

from __future__ import annotations

from scheduler.job import Job
from scheduler.placement import Placement
from scheduler.traffic import QueueingShare
from scheduler.waiting_jobs import WaitingJobs
from scheduler.worker import Worker
from scheduler.worker_pool import WorkerPool


def next_job(
    waiting: WaitingJobs,
    workers: WorkerPool,
    placement: Placement,
    share: QueueingShare,
) -> tuple[Job, Worker] | None:
    """The job of smallest rank among the models' first jobs that fit, and its worker.

    A worker that one model's first job waits for takes no job of larger rank from another model:
    otherwise a job that needs much memory starves beside a stream of small jobs.
    """
    reserved: set[str] = set()
    for job in waiting.heads():
        candidates = [w for w in workers.serving(job.model) if w.id not in reserved]
        fitting = [w for w in candidates if w.fits(job, share.caution(job.model, w.trust))]
        if fitting:
            return job, placement.choose(job, fitting)
        reserved.update(worker.id for worker in candidates)
    return None
