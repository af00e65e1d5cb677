"""SchedulerPort: what the gateway asks of the scheduler, wherever the scheduler runs.

In process it is a ``scheduler.scheduler.Scheduler``, and each change returns its actions at once.
With several fronts it is a ``RemoteScheduler``: the changes return nothing, and the actions come
when the scheduler's process has answered. What is read is then up to half a second old.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from scheduler.actions import Action
from scheduler.job import Job
from scheduler.kv_report import KvReport
from scheduler.length import LengthDistribution
from scheduler.policy import Policy
from scheduler.queue_bounds import QueueBounds
from scheduler.worker_spec import WorkerSpec


class PaceView(Protocol):
    """How fast a worker's answers grow."""

    @property
    def rate(self) -> float | None:
        """Tokens a second that an answer gets; None before it is known."""
        ...


class KvCheckView(Protocol):
    """How good a worker's KV forecasts were, as shares of its cache."""

    @property
    def error(self) -> float:
        """Mean error, positive where more was held."""
        ...

    @property
    def spread(self) -> float:
        """Standard deviation of the error."""
        ...


class WorkerView(Protocol):
    """A worker with its jobs, as ``scheduler.worker.Worker`` has them."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Job]: ...

    @property
    def id(self) -> str:
        """The worker's name."""
        ...

    @property
    def spec(self) -> WorkerSpec:
        """The worker as configured and reported."""
        ...

    @property
    def pace(self) -> PaceView:
        """How fast its answers grow."""
        ...

    @property
    def kv_check(self) -> KvCheckView:
        """How good its KV forecasts were."""
        ...

    @property
    def sequences(self) -> int:
        """Sequences of its jobs."""
        ...

    @property
    def work(self) -> float:
        """Expected output tokens yet to come."""
        ...

    @property
    def kv_peak(self) -> float:
        """The coming KV peak, in tokens."""
        ...

    @property
    def kv_ahead(self) -> list[tuple[float, float]]:
        """The coming KV use at ``kv_forecast.STEPS``, in tokens: mean, and with deviations."""
        ...

    @property
    def kv_used(self) -> float:
        """KV tokens held now."""
        ...

    @property
    def trust(self) -> float:
        """How far its KV forecasts have proved right, 0 to 1."""
        ...


class CountsView(Protocol):
    """How many jobs wait, of all fronts, as ``WaitingCounts`` has it."""

    @property
    def tokens(self) -> float:
        """Expected output tokens, summed over the jobs."""
        ...

    @property
    def by_tenant(self) -> Mapping[str, int]:
        """Jobs by tenant."""
        ...

    @property
    def by_urgency(self) -> Mapping[int, int]:
        """Jobs by class."""
        ...

    @property
    def by_length(self) -> Mapping[int, int]:
        """Jobs by index into ``scheduler.waiting_counts.LENGTHS``."""
        ...

    def expected(self, job: Job) -> float:
        """Expected output tokens of a job."""
        ...


class WaitingView(Protocol):
    """The waiting jobs, to be read."""

    def __len__(self) -> int: ...

    def __contains__(self, job_id: object, /) -> bool:
        """Whether a job of this gateway process waits."""
        ...

    @property
    def counts(self) -> CountsView:
        """The counts."""
        ...

    def by_model(self) -> Mapping[str, int]:
        """Jobs by model; a model without waiting jobs is absent."""
        ...

    def oldest_arrivals(self) -> Mapping[str, float]:
        """The earliest arrival by model, in seconds on the event loop's clock."""
        ...


class SchedulerPort(Protocol):
    """The scheduler as the gateway uses it. See ``Scheduler`` for what each method does.

    A list that a method returns is to be applied at once; ``Dispatcher.apply`` takes also what
    comes later.
    """

    @property
    def policy(self) -> Policy:
        """Gives a job its key."""
        ...

    @property
    def workers(self) -> Mapping[str, WorkerView]:
        """The workers by id."""
        ...

    @property
    def waiting(self) -> int:
        """The number of waiting jobs, of all fronts and models."""
        ...

    @property
    def waiting_jobs(self) -> WaitingView:
        """The waiting jobs."""
        ...

    @property
    def turn_seconds(self) -> float:
        """The typical service time of recent requests, in seconds."""
        ...

    @property
    def paused(self) -> bool:
        """Whether no job is dispatched."""
        ...

    def pause(self, paused: bool = True) -> list[Action]:
        """Dispatch nothing, or go on."""
        ...

    def configure(
        self, policy: Policy, bounds: QueueBounds, *, slack: float, no_worker_grace: float
    ) -> list[Action]:
        """Take new settings."""
        ...

    def set_worker(self, spec: WorkerSpec, *, healthy: bool = True) -> list[Action]:
        """Add a worker, or replace a worker's spec."""
        ...

    def remove_worker(self, worker_id: str) -> list[Action]:
        """Send a worker no more jobs, and forget it once its jobs have ended."""
        ...

    def set_health(self, worker_id: str, healthy: bool) -> list[Action]:
        """Stop or resume sending jobs to a worker."""
        ...

    def observe_kv(self, worker_id: str, report: KvReport) -> list[Action]:
        """Take a worker's report of its KV use."""
        ...

    def submit(self, job: Job) -> list[Action]:
        """Take a new job."""
        ...

    def reprice(self, job_id: str, length: LengthDistribution) -> list[Action]:
        """Give a waiting job a better forecast."""
        ...

    def progress(self, job_id: str, attained: int, running: int | None = None) -> list[Action]:
        """Note the tokens of a job's longest sequence, and how many run."""
        ...

    def release(
        self, job_id: str, attained: int | None = None, *, service_s: float | None = None
    ) -> list[Action]:
        """Forget a job after any end."""
        ...

    def requeue(self, job_id: str) -> list[Action]:
        """Queue a running job again after its worker failed."""
        ...

    def tick(self, now: float) -> list[Action]:
        """Take the time, in seconds."""
        ...

    def expire(self, now: float) -> list[Action]:
        """Reject jobs past their deadline."""
        ...
