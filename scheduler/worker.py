"""Worker: one vLLM server's jobs, and whether one more fits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from scheduler.counted_job import CountedJob
from scheduler.engine_priority import rising_key
from scheduler.job import REPORT_TOKENS, Job
from scheduler.kv_check import HORIZON, MOST_JUDGED, KvCheck
from scheduler.kv_forecast import FirstProfiles, KvForecast, KvProfile, kv_profile
from scheduler.kv_limits import KV_LIMIT, present_limit
from scheduler.kv_report import KvReport, KvReports
from scheduler.pace import Pace
from scheduler.worker_spec import WorkerSpec


@dataclass(slots=True)
class Worker:
    """A worker's spec, its health and the jobs that the scheduler has sent to the worker."""

    spec: WorkerSpec
    healthy: bool = True
    pace: Pace = field(default_factory=Pace)
    _jobs: dict[str, CountedJob] = field(default_factory=dict)
    _sequences: int = 0
    _work: float = 0.0
    _reports: KvReports = field(default_factory=KvReports)
    _kv: KvForecast = field(default_factory=KvForecast)
    kv_check: KvCheck = field(default_factory=KvCheck)
    first_profiles: FirstProfiles = field(default_factory=FirstProfiles)

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return (counted.job for counted in self._jobs.values())

    @property
    def id(self) -> str:
        """The worker's name."""
        return self.spec.id

    def set_health(self, healthy: bool) -> None:
        """Note whether the worker is healthy. One that comes back has a cache of its own."""
        if healthy and not self.healthy:
            self._reports = KvReports()
            self._recount()
        self.healthy = healthy

    def replace_spec(self, spec: WorkerSpec) -> None:
        """Take a new spec; the jobs here stay, and another layout recounts their KV memory."""
        before, self.spec = self.spec, spec
        if (before.kv_block, before.prefix_caching) != (spec.kv_block, spec.prefix_caching):
            self._recount()

    @property
    def takes_jobs(self) -> bool:
        """Whether the scheduler may send jobs here at all."""
        return self.healthy and not self.spec.draining

    @property
    def sequences(self) -> int:
        """Sequences of the worker's jobs, without those that are known to have ended."""
        return self._sequences

    @property
    def work(self) -> float:
        """Expected output tokens yet to come, summed over the jobs here."""
        return self._work

    @property
    def kv_peak(self) -> float:
        """The coming KV peak in the engine's tokens, with the spec's standard deviations."""
        return self._reports.used_per_counted * self._kv.peak(self.spec.deviations)

    @property
    def kv_ahead(self) -> list[tuple[float, float]]:
        """The coming KV use of the jobs here at each of ``kv_forecast.STEPS``, in the engine's
        tokens: mean, and with the spec's standard deviations, whose largest is ``kv_peak``."""
        ratio = self._reports.used_per_counted
        ahead = self._kv.ahead(self.spec.deviations)
        return [(ratio * mean, ratio * upper) for mean, upper in ahead]

    @property
    def load(self) -> float:
        """Use of the scarcer resource, slots or KV memory; a full worker has 1."""
        kv = self.kv_peak / self.spec.kv_tokens if self.spec.kv_tokens else 0.0
        return max(self._sequences / self.spec.slots, kv)

    @property
    def trust(self) -> float:
        """How far the KV forecasts have proved right, 0 to 1; see ``KvCheck``."""
        return self.kv_check.trust(self.spec.deviations)

    @property
    def overfull(self) -> bool:
        """Whether the jobs here hold more than the KV cache, so that the engine preempts."""
        return self.spec.kv_tokens is not None and self.kv_used > self.spec.kv_tokens

    @property
    def kv_used(self) -> float:
        """KV tokens held now: the count, as corrected by the engine's reports."""
        return self._reports.used_per_counted * self._kv.now

    @property
    def kv_present(self) -> float:
        """Share of the cache that the jobs here and a new job may hold when the new job is sent."""
        return present_limit(len(self._jobs))

    def has_slots(self, job: Job) -> bool:
        """Whether the job's sequences find slots now. An idle worker has them for any job."""
        places = self.spec.slots + self.spec.engine_queue
        return not self._jobs or self._sequences + job.sequences <= places

    def fits(self, job: Job, caution: float = 1.0) -> bool:
        """Whether the job may be sent now. An idle worker takes any job.

        What the jobs hold now, the new one included, must fit into ``kv_present`` of the cache.
        With no ``caution`` (0) nothing else counts. With full caution (1) the expected KV peak,
        corrected by what came of earlier forecasts, plus a margin (``KvCheck.deviations``) must fit
        into ``KV_LIMIT`` of the cache. In between the limit is higher and the margin smaller.
        """
        spec = self.spec
        if not self._jobs:
            return True
        if not self.has_slots(job):
            return False
        if spec.kv_tokens is None:
            return True
        profile = self._initial_profile(job)
        ratio = self._reports.used_per_counted
        if self.kv_used + ratio * profile.mean[0] > self.kv_present * spec.kv_tokens:
            return False
        if not caution > 0:
            return True
        counted = spec.kv_tokens / ratio  # the cache in tokens as they are counted here
        limit = counted * KV_LIMIT / caution - self.kv_check.bias * self._kv.now
        deviations = caution * self.kv_check.deviations(spec.deviations, len(self._jobs))
        return self._kv.admits(profile, limit, deviations)

    def add(self, job: Job, engine_key: float = -math.inf) -> None:
        """Count a job that is sent here with this key for the engine's own queue."""
        self._jobs[job.id] = counted = CountedJob(job, engine_key=engine_key)
        self._count(counted, self._initial_profile(job))

    def progress(self, job_id: str, attained: int, running: int | None = None) -> bool:
        """Note that a job's longest sequence has ``attained`` tokens, and how many run, if known.

        Returns whether the forecast has changed.
        """
        counted = self._jobs[job_id]
        ended = counted.job.running != running
        attained = min(attained, counted.job.most_tokens)
        counted.job.attained, counted.job.running = attained, running
        if 0 <= attained - counted.attained < REPORT_TOKENS and not ended:
            return False
        self._count(counted, self._profile(counted.job))
        return True

    def remove(self, job_id: str, attained: int | None = None) -> Job:
        """Take a job off the worker; ``attained`` are its tokens at the end, None if unknown.

        Raises:
            KeyError: no such job is here.
        """
        counted = self._jobs.pop(job_id)
        self._sequences -= counted.sequences
        self._work = self._work - counted.work if self._jobs else 0.0
        self._kv.remove(job_id)
        if attained is not None:
            counted.job.attained = min(attained, counted.job.most_tokens)
        self._judge(counted.job, known=attained is not None)
        return counted.job

    def observe_kv(self, report: KvReport) -> bool:
        """Take the engine's report of its KV use; returns whether the forecast has changed."""
        reports, kv_tokens = self._reports, self.spec.kv_tokens
        caching, alone = self.spec.prefix_caching, len(self._jobs) < 2
        prompts = sum(job.held_prompt_tokens(prefix_caching=caching) for job in self)
        changed = reports.observe_prefixes(report, self._kv.now, prompts, alone=alone)
        if changed:
            self._recount()
        if kv_tokens is not None and not (alone and reports.shared):  # a lone job shares nothing
            changed |= reports.observe_count(report, self._kv.now, kv_tokens)
        return changed

    def engine_key(self, key: float) -> float:
        """The key for the engine's own queue of a job that is sent here now with the policy's."""
        if not self.memory_is_scarcer:
            return key
        return rising_key(key, (other.engine_key for other in self._jobs.values()))

    @property
    def memory_is_scarcer(self) -> bool:
        """Whether the jobs here take a larger share of the KV cache than of the slots."""
        kv_tokens = self.spec.kv_tokens or math.inf
        return self.kv_used / kv_tokens > self._sequences / self.spec.slots

    def _judge(self, job: Job, *, known: bool) -> None:
        """Compare the forecast of an ended job with what came.

        Estimated progress proves nothing: such a job is judged at its end, if its tokens are known.
        """
        if self.spec.kv_tokens is None:
            return
        if known and not job.streams:
            for attained in range(0, min(job.attained, MOST_JUDGED) + 1, HORIZON):
                profile = self._profile(replace(job, attained=attained))
                self.kv_check.observe(job.id, attained, profile, self.spec.kv_tokens)
        self.kv_check.ended(job.id, self.spec.kv_tokens)

    def _initial_profile(self, job: Job) -> KvProfile:
        """The profile of a job not begun."""
        block, caching = self.spec.kv_block, self.spec.prefix_caching
        shared = self._reports.shared
        return self.first_profiles.of(job, block=block, shared=shared, prefix_caching=caching)

    def _profile(self, job: Job) -> KvProfile:
        block, caching = self.spec.kv_block, self.spec.prefix_caching
        return kv_profile(job, block=block, shared=self._reports.shared, prefix_caching=caching)

    def _count(self, counted: CountedJob, profile: KvProfile) -> None:
        job = counted.job
        self._kv.set(job.id, profile)
        if self.spec.kv_tokens is not None and job.streams:
            self.kv_check.observe(job.id, job.attained, profile, self.spec.kv_tokens)
        work, sequences = job.remaining_tokens, job.most_running
        self._work += work - counted.work
        self._sequences += sequences - counted.sequences
        counted.work, counted.sequences, counted.attained = work, sequences, job.attained

    def _recount(self) -> None:
        for counted in self._jobs.values():
            self._count(counted, self._profile(counted.job))

    def check(self) -> None:
        """Assert that the running sums equal the sums over the jobs."""
        jobs = self._jobs.values()
        assert self._sequences == sum(counted.sequences for counted in jobs)
        work = sum(counted.work for counted in jobs)
        assert abs(self._work - work) < 1e-6 * max(1.0, work)
        self._kv.check()
