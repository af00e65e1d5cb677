"""Pictures: the scheduler's state for what the fronts show and expect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.remote_scheduler.core import Core
from gateway.remote_scheduler.scheduler_messages import LinePicture, Picture, WorkerLoad
from scheduler.waiting_counts import LENGTHS
from scheduler.worker import Worker

MOST_TENANTS = 500
"""Tenants that a picture names, those of the largest counts."""

MOST_LINES, MOST_POINTS = 500, 33
"""Lines of a picture, and jobs of each that it shows."""

ASKED_S = 5.0
"""Seconds after a question for which pictures say when jobs start."""

OLDEST_S = 1.0
"""Seconds between two searches for the oldest jobs, which look at every one."""


class Pictures:
    """Takes the pictures of a core."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._oldest: dict[str, float] = {}
        self._looked = -1e9

    def take(self) -> Picture:
        """The picture now. Its time does not grow with the queue, unless a front has asked."""
        core = self._core
        scheduler, now = core.scheduler, core.clock()
        jobs = scheduler.waiting_jobs
        if now >= self._looked + OLDEST_S:
            self._looked, self._oldest = now, jobs.oldest_arrivals()
        waiting, by_length = jobs.by_model(), jobs.counts.by_length
        asked = now < core.asked + ASKED_S
        models = {*waiting, *(model for w in scheduler.workers.values() for model in w.spec.models)}
        return Picture(
            waiting=scheduler.waiting + sum(len(one.late) for one in core.sessions.values()),
            paused=core.paused,
            turn_seconds=scheduler.turn_seconds,
            fronts=len(core.sessions),
            by_model=waiting,
            oldest_s={model: now - at for model, at in self._oldest.items() if model in waiting},
            tokens=jobs.counts.tokens,
            by_tenant=dict(Counter(jobs.counts.by_tenant).most_common(MOST_TENANTS)),
            by_urgency=dict(jobs.counts.by_urgency),
            by_length=[by_length[index] for index in range(len(LENGTHS) + 1)],
            workers=[_load(worker) for worker in scheduler.workers.values()],
            starting={model: core.rates.per_s(model) for model in waiting},
            expected={model: core.starts.per_s(model) for model in models} if asked else {},
            lines=list(self._lines()) if asked else None,
        )

    def _lines(self) -> Iterator[LinePicture]:
        lines = sorted(self._core.starts.lines().items(), key=lambda one: -len(one[1].keys))
        for (model, urgency, tenant), line in lines[:MOST_LINES]:
            last, most = len(line.keys) - 1, MOST_POINTS - 1
            shown = sorted({round(i * last / most) for i in range(most + 1)})
            yield LinePicture(
                *(model, urgency, tenant),
                [line.keys[i] for i in shown],
                [line.positions[i] for i in shown],
                [*(line.ahead[i] for i in shown), line.ahead[-1]],
            )


def _load(worker: Worker) -> WorkerLoad:
    check = worker.kv_check
    return WorkerLoad(
        *(worker.id, len(worker), worker.sequences, worker.work, worker.kv_peak, worker.kv_used),
        *(check.error, check.spread, worker.trust, worker.pace.rate, worker.kv_ahead),
    )
