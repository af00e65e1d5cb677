"""When jobs start, and where they stand, by the pictures of a remote scheduler."""

from __future__ import annotations

from bisect import bisect_left

from gateway.remote_scheduler.remote_scheduler import RemoteScheduler
from gateway.remote_scheduler.scheduler_messages import LinePicture
from gateway.scheduling.waiting_order import Place
from scheduler.job import Job


class RemoteRates:
    """How fast jobs start, of all fronts, as the scheduler measures it."""

    def __init__(self, scheduler: RemoteScheduler) -> None:
        self._scheduler = scheduler

    def started(self, job: Job, waiting: int) -> None:
        """Nothing: the scheduler counts."""

    def left(self, job: Job, waiting: int) -> None:
        """Nothing: the scheduler counts."""

    def ended(self, job: Job, tokens: int | None) -> None:
        """Nothing: the scheduler counts."""

    def per_s(self, model: str) -> float | None:
        """Work of a model that starts in a second; None before it is known."""
        return self._scheduler.waiting_jobs.picture.starting.get(model)


class RemoteStarts:
    """When jobs start."""

    def __init__(self, scheduler: RemoteScheduler) -> None:
        self._scheduler = scheduler

    def seconds(self, job: Job) -> float | None:
        """Seconds until a job starts that waits, or would if it were taken; None: unknown."""
        self._scheduler.ask()
        rate = self._scheduler.waiting_jobs.picture.expected.get(job.model)
        place = located(self._scheduler, job)
        return None if rate is None or place is None else place.ahead / rate


class RemoteOrder:
    """Where this front's jobs stand among those of all fronts, to within a part of their line."""

    def __init__(self, scheduler: RemoteScheduler) -> None:
        self._scheduler = scheduler

    async def first(self, most: int) -> list[Place]:
        """The first places of this front's jobs."""
        self._scheduler.ask()
        found = (located(self._scheduler, job) for job in self._scheduler.own_waiting)
        return sorted((one for one in found if one), key=lambda one: one.position)[:most]

    def waits(self, job_id: str) -> bool:
        """Whether a job waits now."""
        return job_id in self._scheduler.waiting_jobs

    async def place(self, job_id: str) -> Place | None:
        """The place of a job; None where it does not wait, or no picture tells yet."""
        self._scheduler.ask()
        job = self._scheduler.waiting_job(job_id)
        return None if job is None else located(self._scheduler, job)

    def starts_in_s(self, place: Place) -> float | None:
        """Seconds until a job starts; None while that cannot be told."""
        if self._scheduler.paused:
            return None
        rate = self._scheduler.waiting_jobs.picture.expected.get(place.job.model)
        return place.ahead / rate if rate else None


def located(scheduler: RemoteScheduler, job: Job) -> Place | None:
    """The place that a job has, or would have; None before a picture tells."""
    lines = scheduler.waiting_jobs.picture.lines
    if lines is None:
        return None
    own = (job.model, job.urgency, job.tenant)
    line = next((one for one in lines if (one.model, one.urgency, one.tenant) == own), None)
    if line is None:
        return _at_the_end(lines, job)
    index = bisect_left(line.keys, scheduler.policy(job))
    position = line.positions[index] if index < len(line.keys) else line.positions[-1] + 1
    return Place(job, position, line.ahead[index])


def _at_the_end(lines: list[LinePicture], job: Job) -> Place:
    """The place of the first job of its class and tenant: after those of lower classes."""
    before = [one for one in lines if one.urgency < job.urgency and one.positions]
    same_model = [one.ahead[-1] for one in before if one.model == job.model]
    last = max((one.positions[-1] for one in before), default=0)
    return Place(job, last + 1, max(same_model, default=0.0))
