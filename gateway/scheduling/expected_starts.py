"""ExpectedStarts: after how many seconds a job starts, by the work ahead of it and its rate."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic, perf_counter

from gateway.scheduling.start_rates import StartRates
from scheduler.fairness import cost
from scheduler.job import Job
from scheduler.scheduler import Scheduler
from scheduler.waiting_order import start_order
from scheduler.worker import Worker

SHARE = 0.05
"""Part of the time that may go into pictures of the queue, which take 2 microseconds a job."""

Group = tuple[str, int, str]
"""Model, class and tenant."""


@dataclass(slots=True)
class Line:
    """The waiting jobs of one group, in the order of their keys."""

    keys: list[float] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    """Place of each among the jobs of all groups, 1 for the next one."""
    ahead: list[float] = field(default_factory=list)
    """Work of the model before each job starts, in weighted tokens; at last before one more."""


@dataclass(slots=True)
class _Picture:
    """The queue at one moment. Times are seconds of ``monotonic``."""

    lines: dict[Group, Line] = field(default_factory=dict)
    work: dict[str, float] = field(default_factory=dict)
    """Work that waits, by model."""
    tokens: dict[str, float] = field(default_factory=dict)
    """The part of ``work`` that goes by the pace of the answers, by model: all but prompts."""
    per_s: dict[str, float | None] = field(default_factory=dict)
    """Work that starts in a second, by model."""
    first: dict[str, float] = field(default_factory=dict)
    """Work before the next place is free, by model."""
    until: float = 0.0
    """When another one may be taken."""


class ExpectedStarts:
    """Forecasts starts as if nothing more came: the work ahead of a job, by the rate of its model.

    The order is that of ``start_order``. What is looked at is a picture of the queue, which is
    taken again as soon as that costs little.
    """

    def __init__(
        self, scheduler: Scheduler, rates: StartRates, clock: Callable[[], float] = monotonic
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._rates = rates
        self._picture = _Picture()

    def seconds(self, job: Job) -> float | None:
        """Seconds until a job starts that waits, or that would if it were taken; None: unknown."""
        rate, waiting = self.per_s(job.model), self._scheduler.waiting_jobs
        key = waiting[job.id][1] if job.id in waiting else self._scheduler.policy(job)
        return None if rate is None else _ahead(self._present(), job, key) / rate

    def per_s(self, model: str) -> float | None:
        """Work of a model that starts in a second; None: unknown."""
        picture = self._present()
        if model not in picture.per_s:
            picture.per_s[model] = self._per_s(model, picture)
        return picture.per_s[model]

    def lines(self) -> Mapping[Group, Line]:
        """The waiting jobs by model, class and tenant, as they were a moment ago."""
        return self._present().lines

    def _present(self) -> _Picture:
        if self._clock() < self._picture.until:
            return self._picture
        begun = perf_counter()
        picture = self._picture = _Picture()
        waiting, counters = self._scheduler.waiting_jobs.snapshot()
        keys = {job.id: key for job, key in waiting}
        models = {job.model for job, _ in waiting}
        each = {model: self._rates.costs.tokens(model) for model in models}
        picture.first = {model: self._first(model, each[model]) for model in models}
        order = start_order(waiting, counters, self._scheduler.waiting_jobs.counts.expected)
        for place, (job, charged) in enumerate(order, start=1):
            beside, first = each[job.model] * job.sequences, picture.first[job.model]
            prompt = cost(job, 0.0)
            tokens = (charged - prompt) * self._rates.stretches.stretch(job.model, job.length)
            line = picture.lines.setdefault((job.model, job.urgency, job.tenant), Line())
            before = picture.work.get(job.model, 0.0)
            picture.work[job.model] = after = before + prompt + tokens + beside
            picture.tokens[job.model] = picture.tokens.get(job.model, 0.0) + tokens + beside
            line.keys.append(keys[job.id])
            line.positions.append(place)
            line.ahead[-1:] = (first + before, first + after)
        picture.until = self._clock() + (perf_counter() - begun) / SHARE
        return picture

    def _first(self, model: str, each: float) -> float:
        """Work that the workers do before the next of their places is free.

        Of as many answers as they run, as far as any, one ends when they have done the work of one.
        ``each``: what a request costs beside its tokens.
        """
        workers = self._scheduler.workers.values()
        running = [job for worker in workers for job in worker if job.model == model]
        done = sum(
            job.expected_tokens * self._rates.stretches.stretch(model, job.length)
            + each * job.sequences
            for job in running
        )
        return done / len(running) if running else 0.0

    def _per_s(self, model: str, picture: _Picture) -> float | None:
        """Work of the model that starts in a second.

        Measured starts count for the time over which they were measured, the pace of the running
        answers for the length of an answer: just after a burst hardly anything has started.
        """
        tokens = picture.tokens.get(model, 0.0)
        by_pace = self._by_pace(model) * picture.work[model] / tokens if tokens else 0.0
        measured = self._rates.measured(model)
        if measured is None:
            return by_pace or None
        started, seconds = measured
        if by_pace:
            turn = self._scheduler.turn_seconds
            started, seconds = started + by_pace * turn, seconds + turn
        return started / seconds if started > 0 else None

    def _by_pace(self, model: str) -> float:
        """Tokens that the workers make for the model in a second, by the pace of its answers.

        What waits says how much work goes with a token: of the few that run just after a burst,
        one with a long prompt and a short answer would make the rate.
        """
        turn = self._scheduler.turn_seconds
        return sum(
            _tokens_per_s(worker, model, turn)
            for worker in self._scheduler.workers.values()
            if model in worker.spec.models
        )


def _tokens_per_s(worker: Worker, model: str, turn: float) -> float:
    """Tokens that a worker makes for a model in a second.

    Where its pace is not known yet, as after a start, its answers take a turn.
    """
    jobs = [job for job in worker if job.model == model]
    if worker.pace.rate is None:
        made = sum(job.expected_tokens for job in jobs) / turn
    else:
        made = worker.pace.rate * sum(job.expected_running for job in jobs)
    return made * min(1.0, worker.spec.slots / max(1, worker.sequences))


def _ahead(picture: _Picture, job: Job, key: float) -> float:
    """Work ahead of a job with this key."""
    line = picture.lines.get((job.model, job.urgency, job.tenant))
    if line is not None:
        return line.ahead[bisect_left(line.keys, key)]
    ends = [
        one.ahead[-1]
        for (model, urgency, _), one in picture.lines.items()
        if model == job.model and urgency < job.urgency
    ]
    return max(ends, default=picture.first.get(job.model, 0.0))
