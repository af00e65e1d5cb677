"""WorkerPool: the workers of a scheduler, from their first spec until their last job has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from scheduler.job import Job, QueueName
from scheduler.kv_forecast import FirstProfiles
from scheduler.worker import Worker
from scheduler.worker_spec import WorkerSpec

MOST_QUEUES = 1000
"""Queues whose workers are kept; clients may ask for any model, and insist on any workers."""


@dataclass(slots=True)
class WorkerPool:
    """Workers by id. A removed worker gets no new jobs; the pool forgets an idle removed worker."""

    by_id: dict[str, Worker] = field(default_factory=dict)
    _removed: set[str] = field(default_factory=set)
    _first_profiles: FirstProfiles = field(default_factory=FirstProfiles)
    _serving: dict[QueueName, list[Worker]] = field(default_factory=dict)
    """What ``serving`` has found since a worker last came, went or changed."""

    def __iter__(self) -> Iterator[Worker]:
        return iter(self.by_id.values())

    def set(self, spec: WorkerSpec) -> None:
        """Add a worker, or replace a worker's spec; a removed worker gets jobs again."""
        self._serving.clear()
        self._removed.discard(spec.id)
        if spec.id in self.by_id:
            self.by_id[spec.id].replace_spec(spec)
        else:
            self.by_id[spec.id] = Worker(spec, first_profiles=self._first_profiles)

    def remove(self, worker_id: str) -> None:
        """Send a worker no more jobs and forget the worker once its jobs have ended."""
        worker = self.by_id[worker_id]
        worker.replace_spec(replace(worker.spec, draining=True))
        self._serving.clear()
        self._removed.add(worker_id)
        self._forget_if_idle(worker)

    def set_health(self, worker_id: str, healthy: bool) -> None:
        """Note whether a worker is healthy."""
        self._serving.clear()
        self.by_id[worker_id].set_health(healthy)

    def take_off(self, job_id: str, worker: Worker, attained: int | None = None) -> Job:
        """Take a job off its worker; ``attained`` are its tokens at the end, None if unknown."""
        job = worker.remove(job_id, attained)
        self._forget_if_idle(worker)
        return job

    def serving(self, queue: QueueName) -> list[Worker]:
        """The workers that may take a queue's jobs and take jobs now, to be read.

        Those of last resort are among them only if there are no others.
        """
        found = self._serving.get(queue)
        if found is None:
            if len(self._serving) >= MOST_QUEUES:
                self._serving.clear()
            self._serving[queue] = found = self._found(queue)
        return found

    def _found(self, queue: QueueName) -> list[Worker]:
        serving = [
            worker
            for worker in self.by_id.values()
            if worker.takes_jobs and queue.model in worker.spec.models and queue.allows(worker.id)
        ]
        return [worker for worker in serving if not worker.spec.last_resort] or serving

    def serves(self, queue: QueueName) -> bool:
        """Whether any worker may take the queue's jobs and takes jobs now."""
        return bool(self.serving(queue))

    def overfull(self, queue: QueueName) -> bool:
        """Whether all workers of a queue have more jobs than their KV caches hold."""
        workers = self.serving(queue)
        return bool(workers) and all(worker.overfull for worker in workers)

    def _forget_if_idle(self, worker: Worker) -> None:
        if worker.id in self._removed and not len(worker):
            self._removed.discard(worker.id)
            self._serving.clear()
            del self.by_id[worker.id]
