"""What the scheduler tells a front."""

from __future__ import annotations

from msgspec import Struct

from gateway.remote_scheduler.states import MemoryState, Number, Short


class Welcome(Struct, array_like=True, tag="welcome"):
    """The first entry from the scheduler, and again if its epoch grows. A later start has a larger
    one."""

    version: int
    epoch: int


class Refused(Struct, array_like=True, tag="refused"):
    """The last entry from the scheduler: why it ends the stream."""

    why: str


class Dispatched(Struct, array_like=True, tag="start"):
    """A job goes to a worker."""

    n: Number
    worker: Short
    key: float
    usual_tokens: float
    arrival_turns: float


class Rejected(Struct, array_like=True, tag="reject"):
    """A job is rejected and forgotten."""

    n: Number
    reason: str
    usual_tokens: float
    arrival_turns: float


class Waits(Struct, array_like=True, tag="waits"):
    """A job has been accepted and waits."""

    n: Number
    usual_tokens: float
    arrival_turns: float


class WorkerLoad(Struct, array_like=True):
    """A worker's jobs, of all fronts."""

    id: str
    jobs: int
    sequences: int
    work: float
    kv_peak: float
    kv_used: float
    error: float
    spread: float
    trust: float
    pace: float | None
    ahead: list[tuple[float, float]]


class LinePicture(Struct, array_like=True):
    """Some of the waiting jobs of one model, class and tenant, in the order of their keys."""

    model: str
    urgency: int
    tenant: str
    keys: list[float]
    positions: list[int]
    ahead: list[float]
    """Work ahead of each; at last, ahead of one more job."""


class Picture(Struct, array_like=True, tag="picture"):
    """The scheduler's state, for what fronts show. Some times a second, and upon change."""

    waiting: int
    paused: bool
    turn_seconds: float
    fronts: int
    by_model: dict[str, int]
    oldest_s: dict[str, float]
    tokens: float
    by_tenant: dict[str, int]
    by_urgency: dict[int, int]
    by_length: list[int]
    workers: list[WorkerLoad]
    starting: dict[str, float | None]
    """Work that starts in a second by model, as measured."""
    expected: dict[str, float | None]
    """The same with what the pace of the running answers tells."""
    lines: list[LinePicture] | None
    """None: as before."""


FromScheduler = Welcome | Refused | Dispatched | Rejected | Waits | Picture | MemoryState
