"""Worker: one vLLM server's capacity and what runs there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scheduler.job import Job
from scheduler.kv_forecast import KvForecast, Outline, deviations, outline
from scheduler.length import LengthDistribution

KV_OVERFLOW = 0.05
"""Probability, by the forecast, that what runs outgrows its share of the KV cache, up to which more
is sent."""

KV_SHARE = 0.97
"""Part of the KV cache that is planned with: the forecast's steps are coarse."""

KV_BOLD = 1.2
"""Part of it that the expected peak may come to where nobody waits. The engine then has the last
word: it takes in what there is room for now, and preempts if too much lasts."""

REFRESH_TOKENS = 16
"""Tokens an answer grows by before its part of the forecast is taken anew."""


@dataclass(slots=True)
class _Placed:
    job: Job
    counted_at: int = 0
    work: float = 0.0


@dataclass(slots=True)
class Worker:
    """A worker and the jobs the scheduler has sent to it.

    ``slots`` is the engine's limit of concurrent sequences (vLLM's ``max_num_seqs``) and
    ``engine_queue`` how many more it may hold waiting, so that a slot that falls free is taken in
    the very next engine step. ``kv_tokens`` is the KV-cache capacity in tokens, None if unknown,
    in blocks of ``kv_block``. ``deviations`` above the expected peak must fit the
    cache: they stand for the probability that it overflows. ``speed`` is the worker's rate relative
    to the others'. One that is ``draining`` gets nothing new and ends what it has.
    """

    id: str
    models: frozenset[str]
    slots: int
    kv_tokens: int | None = None
    engine_queue: int = 2
    healthy: bool = True
    kv_block: int = 16
    speed: float = 1.0
    draining: bool = False
    deviations: float = deviations(KV_OVERFLOW)
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

    def take_settings(self, told: Worker) -> None:
        """Become what ``told`` describes; the jobs here stay."""
        self.models, self.slots, self.speed = told.models, told.slots, told.speed
        self.kv_tokens, self.engine_queue = told.kv_tokens, told.engine_queue
        self.draining, self.deviations = told.draining, told.deviations
        if self.kv_block != told.kv_block:
            self.kv_block = told.kv_block
            self._recount()

    @property
    def takes_jobs(self) -> bool:
        """Whether anything may be sent here at all."""
        return self.healthy and not self.draining

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
        return self._kv.peak(self.deviations)

    @property
    def load(self) -> float:
        """The scarcer resource's use: 1 is a worker filled to its limit."""
        kv = self.kv_peak / self.kv_tokens if self.kv_tokens else 0.0
        return max(self._sequences / self.slots, kv)

    def fits(self, job: Job, caution: float = 1.0) -> bool:
        """Whether the job may be sent now. A worker with nothing to do takes anything.

        With all ``caution`` (1) the peak to come, ``deviations`` above what is expected, must fit
        into ``KV_SHARE`` of the cache; with none (0), the expected peak into ``KV_BOLD`` of it.
        """
        if not self._jobs:
            return True
        if self._sequences + job.sequences > self.slots + self.engine_queue:
            return False
        if self.kv_tokens is None:
            return True
        capacity = self.kv_tokens * (KV_BOLD - caution * (KV_BOLD - KV_SHARE))
        return self._kv.admits(self._outline(job), capacity, caution * self.deviations)

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
        return outline(job, block=self.kv_block, shared=self._shared)

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
