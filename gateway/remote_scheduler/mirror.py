"""Mirror: what a front reads of the remote scheduler, by the last picture and its own jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic

from gateway.remote_scheduler.scheduler_messages import Picture, WorkerLoad
from scheduler.job import Job
from scheduler.traffic import INITIAL_TURN_SECONDS
from scheduler.waiting_counts import LENGTHS
from scheduler.worker_spec import WorkerSpec


def no_picture() -> Picture:
    """What is known before the first picture."""
    return Picture(
        *(0, False, INITIAL_TURN_SECONDS, 0, {}, {}, 0.0, {}, {}, [0] * (len(LENGTHS) + 1)),
        *([], {}, {}, None),
    )


@dataclass(frozen=True, slots=True)
class MirroredPace:
    """The pace of a worker's answers; tokens a second."""

    rate: float | None = None


@dataclass(frozen=True, slots=True)
class MirroredCheck:
    """How good a worker's KV forecasts were."""

    error: float = 0.0
    spread: float = 0.0


@dataclass(slots=True)
class MirroredWorker:
    """A worker as this front knows it, with the load that the scheduler tells of all fronts."""

    spec: WorkerSpec
    healthy: bool
    removed: bool = False
    own: dict[str, Job] = field(default_factory=dict)
    """The jobs of this front that run there."""
    load: WorkerLoad | None = None

    @property
    def id(self) -> str:
        """The worker's name."""
        return self.spec.id

    def __len__(self) -> int:
        return max(len(self.own), self.load.jobs if self.load else 0)

    def __iter__(self) -> Iterator[Job]:
        return iter(self.own.values())

    @property
    def sequences(self) -> int:
        """Sequences of all fronts' jobs; at least those of this front's."""
        own = sum(job.most_running for job in self.own.values())
        return max(own, self.load.sequences if self.load else 0)

    @property
    def pace(self) -> MirroredPace:
        """How fast its answers grow."""
        return MirroredPace(self.load.pace if self.load else None)

    @property
    def kv_check(self) -> MirroredCheck:
        """How good its KV forecasts were."""
        load = self.load
        return MirroredCheck(load.error, load.spread) if load else MirroredCheck()

    @property
    def work(self) -> float:
        """Expected output tokens yet to come."""
        return self.load.work if self.load else 0.0

    @property
    def kv_peak(self) -> float:
        """The coming KV peak, in tokens."""
        return self.load.kv_peak if self.load else 0.0

    @property
    def kv_used(self) -> float:
        """KV tokens held now."""
        return self.load.kv_used if self.load else 0.0

    @property
    def kv_ahead(self) -> list[tuple[float, float]]:
        """The coming KV use, in tokens: mean, and with deviations."""
        return self.load.ahead if self.load else []

    @property
    def trust(self) -> float:
        """How far its KV forecasts have proved right, 0 to 1."""
        return self.load.trust if self.load else 0.0


@dataclass(slots=True)
class MirroredCounts:
    """How many jobs wait, of all fronts, by the last picture."""

    picture: Picture

    @property
    def tokens(self) -> float:
        """Expected output tokens."""
        return self.picture.tokens

    @property
    def by_tenant(self) -> Mapping[str, int]:
        """Jobs by tenant."""
        return self.picture.by_tenant

    @property
    def by_urgency(self) -> Mapping[int, int]:
        """Jobs by class."""
        return self.picture.by_urgency

    @property
    def by_length(self) -> Mapping[int, int]:
        """Jobs by length class."""
        return dict(enumerate(self.picture.by_length))

    def expected(self, job: Job) -> float:
        """Expected output tokens of a job."""
        return job.expected_tokens


@dataclass(slots=True)
class MirroredQueue:
    """The waiting jobs: this front's by name, all fronts' in numbers."""

    waits: Callable[[str], bool]
    """Whether a job of this front waits."""
    own: Callable[[], int]
    """The number of this front's waiting jobs."""
    picture: Picture = field(default_factory=no_picture)
    taken: float = 0.0
    """When the picture came, in seconds of ``monotonic``."""

    def __len__(self) -> int:
        return max(self.own(), self.picture.waiting)

    def __contains__(self, job_id: object, /) -> bool:
        return isinstance(job_id, str) and self.waits(job_id)

    @property
    def counts(self) -> MirroredCounts:
        """The counts."""
        return MirroredCounts(self.picture)

    def by_model(self) -> Mapping[str, int]:
        """Jobs by model."""
        return self.picture.by_model

    def oldest_arrivals(self) -> Mapping[str, float]:
        """The earliest arrival by model, in seconds of ``monotonic``."""
        return {model: self.taken - age for model, age in self.picture.oldest_s.items()}

    def show(self, picture: Picture) -> None:
        """Take a new picture; one without lines leaves those of before."""
        if picture.lines is None:
            picture.lines = self.picture.lines
        self.picture, self.taken = picture, monotonic()
