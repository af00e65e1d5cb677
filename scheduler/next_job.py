"""The next job to dispatch, and its worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scheduler.job import Job, QueueName
from scheduler.model_queue import Place
from scheduler.placement import Placement
from scheduler.traffic import QueueingShare
from scheduler.waiting_jobs import WaitingJobs
from scheduler.worker import Worker
from scheduler.worker_pool import WorkerPool

MOST_AWAITED = 4
"""Workers of a queue that may be kept free at once, each for a job of its own. The bound limits the
time of a decision: each of these jobs is tried on each worker."""


class NextJob:
    """Chooses the job of smallest rank that fits a worker, and the worker.

    A job that fits nowhere now waits for one worker, which takes no job of larger rank until this
    job has gone: otherwise a job that needs much room starves beside a stream of small jobs. The
    other workers go on with the jobs behind it. The job takes any worker that has room earlier, and
    keeps the worker that it waits for while it is among the first.
    """

    def __init__(
        self,
        waiting: WaitingJobs,
        workers: WorkerPool,
        placement: Placement,
        share: QueueingShare,
    ) -> None:
        self._waiting = waiting
        self._workers = workers
        self._placement = placement
        self._share = share
        self.paused = False
        """Whether no job may be dispatched at all."""
        self._awaited: dict[str, str] = {}  # job id -> worker id, by the last call without a job
        self._last_tried: dict[QueueName, Place] = {}
        """Places behind which a queue's jobs were not tried, by the last call without a job."""
        self._tried: list[tuple[Job, list[Worker]]] | None = None
        """Who was tried where, by the last call if it was without a job."""
        self._observed = 0
        """Of the share, at that call."""

    def __call__(self) -> tuple[Job, Worker] | None:
        """The next job and its worker; None if no job may be dispatched now."""
        self._last_tried, self._tried = {}, None
        if self.paused:
            return None
        awaited: dict[str, str] = {}  # job id -> worker id
        taken: set[str] = set()  # the workers of awaited
        tried: Counter[QueueName] = Counter()  # jobs that fit nowhere
        where: list[tuple[Job, list[Worker]]] = []
        name = QueueName("")  # of the job that is tried now: it takes time to make

        def others_may_fit(job: Job) -> bool:
            serving = self._workers.serving(name)
            if tried[name] < MOST_AWAITED and any(w.spec.id not in taken for w in serving):
                return True
            self._last_tried[name] = self._waiting.place(job)
            return False

        for job in self._waiting.by_rank(others_may_fit):
            name = job.queue
            candidates = self._may_take(job, name)
            if taken:
                candidates = [w for w in candidates if w.spec.id not in taken]
            fitting = [
                w for w in candidates if w.has_slots(job) and w.fits(job, self._caution(job, w))
            ]
            if fitting:
                return job, self._placement.choose(job, fitting)
            tried[name] += 1
            where.append((job, candidates))
            if candidates:
                awaited[job.id] = worker_id = self._worker_for(job, candidates).id
                taken.add(worker_id)
        self._awaited, self._tried, self._observed = awaited, where, self._share.observed
        return None

    def may_be(self, job: Job) -> bool:
        """Whether a job that has just come may be the next one, where there was none before it.

        Behind the jobs that keep all others of its queue from being tried, it is not tried either.
        """
        last = self._last_tried.get(job.queue)
        alone = len(self._waiting) == 1  # nobody was tried since: the workers may be others
        return last is None or alone or self._waiting.place(job) < last

    def may_fit(self, worker: Worker) -> bool:
        """Whether a call may find a job, where a worker's jobs have grown since one that did not.

        Then who is tried where is as it was, so that this worker alone has to be asked. All other
        changes are followed by a call, by an arrival that the share observes, or by ``forget``.
        """
        if self._tried is None or self._observed != self._share.observed:
            return True
        return any(
            worker.has_slots(job) and worker.fits(job, self._caution(job, worker))
            for job, candidates in self._tried
            if any(one is worker for one in candidates)
        )

    def forget(self) -> None:
        """Let the last call say nothing of the next one."""
        self._tried = None

    def _may_take(self, job: Job, name: QueueName) -> list[Worker]:
        serving = self._workers.serving(name)
        if not job.shuns:
            return serving
        return [w for w in serving if w.id not in job.shuns] or serving

    def _caution(self, job: Job, worker: Worker) -> float:
        return self._share.caution(job.model, worker.trust)

    def _worker_for(self, job: Job, candidates: Sequence[Worker]) -> Worker:
        """The worker that the job waits for: as before, else where least has to end first."""
        before = self._awaited.get(job.id)
        for worker in candidates if before else ():
            if worker.spec.id == before:
                return worker
        loads = {worker.id: worker.load for worker in candidates}
        return min(candidates, key=lambda w: (to_end_first(w, job, loads[w.id]), loads[w.id]))


def to_end_first(worker: Worker, job: Job, load: float) -> float:
    """The part (0 to 1) of a worker's ``load`` (above 0) that must end before ``job`` fits."""
    spec = worker.spec
    share = job.sequences / (spec.slots + spec.engine_queue)
    if spec.kv_tokens is not None:
        share = max(share, job.prompt_tokens / (worker.kv_present * spec.kv_tokens))
    return max(0.0, 1.0 - max(0.0, 1.0 - share) / load)
