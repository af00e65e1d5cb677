"""Worker: one vLLM server's capacity and what runs there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scheduler.job import Job

KV_SHARE = 0.95
"""Part of the KV capacity that is committed by expectation; the rest absorbs forecast errors."""


@dataclass(slots=True)
class Worker:
    """A worker and the jobs the scheduler has sent to it.

    ``slots`` is the engine's limit of concurrent sequences (vLLM's ``max_num_seqs``) and
    ``engine_queue`` how many more it may hold waiting, so that a slot that falls free is taken in
    the very next engine step. ``kv_tokens`` is the KV-cache capacity in tokens, None if unknown.
    """

    id: str
    models: frozenset[str]
    slots: int
    kv_tokens: int | None = None
    engine_queue: int = 2
    healthy: bool = True
    _jobs: dict[str, tuple[Job, float]] = field(default_factory=dict)
    _sequences: int = 0
    _kv_committed: float = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return (job for job, _ in self._jobs.values())

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    @property
    def sequences(self) -> int:
        """Sequences sent and not yet released."""
        return self._sequences

    @property
    def kv_committed(self) -> float:
        """KV tokens the jobs here are expected to hold, see ``Job.kv_tokens``."""
        return self._kv_committed

    @property
    def load(self) -> float:
        """The scarcer resource's use: 1 is a worker filled to its limit."""
        kv = self._kv_committed / self.kv_tokens if self.kv_tokens else 0.0
        return max(self._sequences / self.slots, kv)

    def fits(self, job: Job) -> bool:
        """Whether the job may be sent now. A worker with nothing to do takes anything."""
        if not self._jobs:
            return True
        if self._sequences + job.sequences > self.slots + self.engine_queue:
            return False
        if self.kv_tokens is None:
            return True
        return self._kv_committed + job.kv_tokens <= KV_SHARE * self.kv_tokens

    def add(self, job: Job) -> None:
        """Count a job that is sent here."""
        kv = job.kv_tokens
        self._jobs[job.id] = (job, kv)
        self._sequences += job.sequences
        self._kv_committed += kv

    def progress(self, job_id: str, attained: int) -> None:
        """Count a job's KV memory anew: its longest sequence has ``attained`` tokens."""
        job, before = self._jobs[job_id]
        job.attained = attained
        kv = job.kv_tokens
        self._kv_committed += kv - before
        self._jobs[job_id] = (job, kv)

    def remove(self, job_id: str) -> Job:
        """Forget a job that has ended here."""
        job, kv = self._jobs.pop(job_id)
        self._sequences -= job.sequences
        self._kv_committed = self._kv_committed - kv if self._jobs else 0.0
        return job

    def check(self) -> None:
        """Assert that the running totals equal the sums over the jobs."""
        assert self._sequences == sum(job.sequences for job, _ in self._jobs.values())
        committed = sum(kv for _, kv in self._jobs.values())
        assert abs(self._kv_committed - committed) < 1e-6 * max(1.0, committed)
