"""What the gateway tells the shadow's process: small records without any text, in batches."""

from __future__ import annotations

import marshal
from typing import Any, BinaryIO, NamedTuple

from scheduler.job import Job
from scheduler.length import LengthDistribution
from scheduler.records import RequestRecord

_LENGTH_BYTES = 4


class Begun(NamedTuple):
    """A request that has its forecast. Times are in seconds on the gateway's clock."""

    id: str
    arrival: float
    model: str
    prompt_tokens: int
    streams: bool
    sequences: int
    tenant: str
    tokens: tuple[float, ...]
    """Atoms of the forecast, with their ``mass``."""
    mass: tuple[float, ...]


class Ended(NamedTuple):
    """A request that has ended, whether or not its answer is complete."""

    id: str
    whole: bool
    """Whether the client got the whole answer."""
    worker: str
    prompt_tokens: int
    output_tokens: int
    dispatched: float | None
    first_token: float | None
    """None also where the answer was not streamed."""
    finished: float
    tokens: tuple[float, ...]
    """Atoms of the last forecast, with their ``mass``."""
    mass: tuple[float, ...]


class WorkerLimits(NamedTuple):
    """One worker that takes requests, as the scheduler knows it."""

    id: str
    models: tuple[str, ...]
    slots: int
    kv_tokens: int | None
    kv_block: int
    max_model_len: int | None


def begun(job: Job) -> tuple[Any, ...]:
    """The fields of ``Begun``: a plain tuple is what ``marshal`` takes."""
    length = job.length
    return (
        *(job.id, job.arrival, job.model, job.prompt_tokens, job.streams, job.sequences),
        *(job.tenant, length.tokens, length.mass),
    )


def ended(
    job: Job,
    record: RequestRecord,
    length: LengthDistribution,
    worker: str,
    now: float,
    **facts: Any,
) -> tuple[Any, ...]:
    """The fields of ``Ended``; ``facts`` are ``whole`` and ``tokens``, those of the answer."""
    return (
        *(job.id, facts["whole"], worker, record.prompt_tokens or job.prompt_tokens),
        *(facts["tokens"], record.dispatched, record.first_token, record.finished or now),
        *(length.tokens, length.mass),
    )


def packed(message: dict[str, Any]) -> bytes:
    """A message for the pipe: its length, then the message as Python's own binary format.

    Both ends are the same interpreter, so the format's version is the same.
    """
    body = marshal.dumps(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def read_message(pipe: BinaryIO) -> dict[str, Any] | None:
    """The next message; None at the pipe's end."""
    head = pipe.read(_LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    size = int.from_bytes(head, "big")
    body = pipe.read(size)
    return None if len(body) < size else marshal.loads(body)
