"""Worker: one vLLM server's capacity and what runs there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scheduler.job import Job
from scheduler.kv_forecast import KvForecast, Outline, outline
from scheduler.length import LengthDistribution
from scheduler.worker_spec import WorkerSpec

KV_LIMIT_CAUTIOUS = 0.97
"""With full caution, admit until the KV peak plus its margin is 97 % of the cache. The rest allows
for the coarse steps of the forecast."""

KV_LIMIT_UNCAUTIOUS = 1.2
"""With no caution, admit until the expected KV peak is 120 % of the cache. The engine then admits
what fits its free blocks, and preempts if the cache overflows."""

REFRESH_TOKENS = 16
"""Tokens an answer grows by before its part of the forecast is taken anew."""


@dataclass(slots=True)
class _Placed:
    job: Job
    counted_at: int = 0
    work: float = 0.0


@dataclass(slots=True)
class Worker:
    """A worker's spec, its health and the jobs that the scheduler has sent to the worker."""

    spec: WorkerSpec
    healthy: bool = True
    _jobs: dict[str, _Placed] = field(default_factory=dict)
    _sequences: int = 0
    _work: float = 0.0
    _prompts: int = 0
    _shared: float = 0.0
    _kv: KvForecast = field(default_factory=KvForecast)
    _asked: tuple[str, LengthDistribution, Outline] | None = None

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return (placed.job for placed in self._jobs.values())

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    @property
    def id(self) -> str:
        """The worker's name."""
        return self.spec.id

    def replace_spec(self, spec: WorkerSpec) -> None:
        """Take a new spec; the jobs here stay, and a new block size recounts their KV memory."""
        before, self.spec = self.spec, spec
        if before.kv_block != spec.kv_block:
            self._recount()

    @property
    def takes_jobs(self) -> bool:
        """Whether the scheduler may send jobs here at all."""
        return self.healthy and not self.spec.draining

    @property
    def sequences(self) -> int:
        """Sequences sent and not yet released."""
        return self._sequences

    @property
    def work(self) -> float:
        """Output tokens still to expect of what was sent here."""
        return self._work

    @property
    def kv_peak(self) -> float:
        """KV tokens at the peak to come, as ``deviations`` tells."""
        return self._kv.peak(self.spec.deviations)

    @property
    def load(self) -> float:
        """The scarcer resource's use: 1 is a worker filled to its limit."""
        kv = self.kv_peak / self.spec.kv_tokens if self.spec.kv_tokens else 0.0
        return max(self._sequences / self.spec.slots, kv)

    def fits(self, job: Job, caution: float = 1.0) -> bool:
        """Whether the job may be sent now. A worker with nothing to do takes anything.

        With full ``caution`` (1) the expected KV peak plus ``deviations`` standard deviations must
        fit into ``KV_LIMIT_CAUTIOUS`` of the cache; with none (0), the expected KV peak alone into
        ``KV_LIMIT_UNCAUTIOUS`` of the cache.
        """
        spec = self.spec
        if not self._jobs:
            return True
        if self._sequences + job.sequences > spec.slots + spec.engine_queue:
            return False
        if spec.kv_tokens is None:
            return True
        limit = KV_LIMIT_UNCAUTIOUS - caution * (KV_LIMIT_UNCAUTIOUS - KV_LIMIT_CAUTIOUS)
        return self._kv.admits(
            self._outline(job), spec.kv_tokens * limit, caution * spec.deviations
        )

    def add(self, job: Job) -> None:
        """Count a job that is sent here."""
        self._jobs[job.id] = placed = _Placed(job)
        self._sequences += job.sequences
        self._prompts += job.prompt_tokens
        self._count(placed, self._outline(job))

    def progress(self, job_id: str, attained: int) -> bool:
        """A job's longest sequence has ``attained`` tokens; whether the forecasts have changed."""
        placed = self._jobs[job_id]
        placed.job.attained = attained
        if 0 <= attained - placed.counted_at < REFRESH_TOKENS:
            return False
        self._count(placed, self._fresh_outline(placed.job))
        return True

    def remove(self, job_id: str) -> Job:
        """Forget a job that has ended here."""
        placed = self._jobs.pop(job_id)
        self._sequences -= placed.job.sequences
        self._prompts -= placed.job.prompt_tokens
        self._work = self._work - placed.work if self._jobs else 0.0
        self._kv.drop(job_id)
        return placed.job

    def observe_kv(self, held: float, prefix_hits: float) -> bool:
        """Take the engine's word on what is ``held`` (tokens), shared prefixes counted once.

        What it holds less than its sequences have come to is shared, up to the part of prompt
        tokens found cached, ``prefix_hits`` (0..1). Reports lag: each moves the estimate a little.
        Returns whether the forecasts have changed.
        """
        if not self._prompts or (prefix_hits <= 0 and self._shared <= 0):
            return False
        missing = (self._kv.now - held) / self._prompts + self._shared
        self._shared += _TRUST * (min(max(missing, 0.0), prefix_hits) - self._shared)
        self._recount()
        return True

    def _outline(self, job: Job) -> Outline:
        """Of a job not begun. The first in the queue is asked for again and again."""
        asked = self._asked
        if asked is None or asked[0] != job.id or asked[1] is not job.length:
            self._asked = asked = job.id, job.length, self._fresh_outline(job)
        return asked[2]

    def _fresh_outline(self, job: Job) -> Outline:
        return outline(job, block=self.spec.kv_block, shared=self._shared)

    def _count(self, placed: _Placed, outlined: Outline) -> None:
        self._kv.put(placed.job.id, outlined)
        work = placed.job.remaining_tokens
        self._work += work - placed.work
        placed.work, placed.counted_at = work, placed.job.attained

    def _recount(self) -> None:
        self._asked = None
        for placed in self._jobs.values():
            self._count(placed, self._fresh_outline(placed.job))

    def check(self) -> None:
        """Assert that the running totals equal the sums over the jobs."""
        placed = self._jobs.values()
        assert self._sequences == sum(one.job.sequences for one in placed)
        work = sum(one.work for one in placed)
        assert abs(self._work - work) < 1e-6 * max(1.0, work)
        assert self._prompts == sum(one.job.prompt_tokens for one in placed)
        self._kv.check()


_TRUST = 0.2
"""Of a new report against the estimate so far."""
