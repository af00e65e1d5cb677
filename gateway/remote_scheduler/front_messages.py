"""What a front tells the scheduler."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.remote_scheduler.states import (
    Atoms,
    Count,
    Ids,
    JobState,
    MemoryState,
    Number,
    PolicyState,
    Short,
    Size,
    Tokens,
)


class Hello(Struct, array_like=True, tag="hello"):
    """The first entry of the first message."""

    version: int
    front: Annotated[str, Meta(max_length=200)]
    token: Annotated[str, Meta(max_length=1000)]
    now: float | None
    """The front's clock, in seconds; None where both read the same, on one machine."""
    seen: Number
    """The newest epoch that the front has seen; 0 for none."""


class Settings(Struct, array_like=True, tag="settings"):
    """The settings of the scheduler; the largest ``stamp`` (seconds since 1970) is the newest."""

    stamp: float
    policy: PolicyState
    max_waiting: Number
    max_waiting_per_tenant: Number | None
    max_waiting_tokens: float
    slack: float
    no_worker_grace: float


class SetWorker(Struct, array_like=True, tag="worker"):
    """A worker and its health, as a front sees them."""

    id: Short
    models: Ids
    slots: Count
    kv_tokens: Size | None
    engine_queue: Number
    kv_block: Count
    prefix_caching: bool
    speed: Annotated[float, Meta(gt=0)]
    draining: bool
    last_resort: bool
    rank: int
    deviations: float
    healthy: bool


class RemoveWorker(Struct, array_like=True, tag="no_worker"):
    """The front has the worker no more."""

    id: Short


class ObserveKv(Struct, array_like=True, tag="kv"):
    """A worker's report of its KV use."""

    id: Short
    used_tokens: float
    prefix_hits: float
    settled: bool


class Pause(Struct, array_like=True, tag="pause"):
    """An operator pauses the queue, or ends the pause."""

    paused: bool


class Submit(Struct, array_like=True, tag="submit"):
    """A new job."""

    n: Number
    job: JobState


class Resubmit(Struct, array_like=True, tag="waits_still"):
    """A job that another scheduler had accepted, and that waits."""

    n: Number
    job: JobState


class Adopt(Struct, array_like=True, tag="runs"):
    """A job that another scheduler had dispatched, and that runs."""

    n: Number
    job: JobState
    worker: Short
    key: float


class Reprice(Struct, array_like=True, tag="reprice"):
    """A better forecast of a waiting job."""

    n: Number
    tokens: Atoms
    mass: Atoms


class Progress(Struct, array_like=True, tag="progress"):
    """How far a running job has come."""

    n: Number
    attained: Tokens
    running: Number | None


class Release(Struct, array_like=True, tag="release"):
    """The end of a job, waiting or running."""

    n: Number
    attained: Tokens | None
    service_s: float | None


class Requeue(Struct, array_like=True, tag="requeue"):
    """A running job waits again."""

    n: Number
    shuns: Ids


class Ask(Struct, array_like=True, tag="ask"):
    """Somebody asks this front when jobs start: the next pictures are to tell."""


class Resubmitted(Struct, array_like=True, tag="all"):
    """Everything that the front had is in."""


FromFront = (
    Hello
    | Settings
    | SetWorker
    | RemoveWorker
    | ObserveKv
    | Pause
    | Submit
    | Resubmit
    | Adopt
    | Reprice
    | Progress
    | Release
    | Requeue
    | Ask
    | Resubmitted
    | MemoryState
)
