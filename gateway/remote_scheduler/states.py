"""What the messages between fronts and scheduler have in common.

Each message is a list of entries, in MessagePack, which msgspec checks against the types as it
reads them. A front numbers its jobs; ids and prompts stay with it. Times are seconds on the
sender's clock; the scheduler knows how far that of a front on another machine is from its own.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from scheduler.job import MOST_SEQUENCES

VERSION = 1
"""Of the protocol. Fronts and scheduler of one installation have the same."""

MOST_BYTES = 2**20
"""Bytes of a front's message."""

MOST_HELLO_BYTES = 2**13
"""Bytes of a front's first message, before the scheduler knows who it is."""

MOST_BYTES_DOWN = 2**24
"""Bytes of a message of the scheduler: a picture of 10,000 workers has some millions."""

MOST_OPS = 256
"""Entries of a message that a sender makes, so that no message holds up the others for long."""

SERVICE = "lengthwise.Scheduler"
ATTACH = f"/{SERVICE}/Attach"

Number = Annotated[int, Meta(ge=0, le=2**53)]
Count = Annotated[int, Meta(ge=1, le=MOST_SEQUENCES)]
Size = Annotated[int, Meta(ge=1, le=2**53)]
"""Tokens of a KV cache: a large engine has millions."""
Tokens = Annotated[int, Meta(ge=0, le=2**53)]
Short = Annotated[str, Meta(max_length=65_536)]
Ids = Annotated[list[Short], Meta(max_length=10_000)]
Atoms = Annotated[list[float], Meta(min_length=1, max_length=4096)]


class JobState(Struct, array_like=True):
    """A job, as ``scheduler.job.Job`` has it, without its name."""

    model: Short
    arrival: float
    prompt_tokens: Tokens
    tokens: Atoms
    mass: Atoms
    sequences: Count = 1
    prompts: Count = 1
    deadline: float = float("inf")
    due: float = float("inf")
    most_tokens: Tokens = 2**20
    attained: Tokens = 0
    running: Number | None = None
    streams: bool = True
    tenant: Short = ""
    share: Annotated[float, Meta(gt=0)] = 1.0
    urgency: int = 0
    affinity: Short = ""
    worker: Short = ""
    among: Ids = []
    shuns: Ids = []
    usual_tokens: float = float("inf")
    arrival_turns: float = 0.0


class PolicyState(Struct, array_like=True):
    """A policy of ``scheduler.policy``: its name, its numbers, and the policy inside it."""

    name: str
    numbers: list[float] = []
    base: PolicyState | None = None


class MemoryState(Struct, array_like=True, tag="memory"):
    """``scheduler.rebuilt_scheduler.Memory``, with the age of its clock; from both sides."""

    turn_seconds: Annotated[float, Meta(gt=0)]
    turn_count: Number
    turns: float
    age_s: float
    of_models: dict[str, tuple[float, int]]
    of_workers: dict[str, tuple[float, int]]
    memory_scarcer: dict[str, tuple[float, int]]
    shares: dict[str, float]
    counters: dict[str, float]
    counted: float
    epoch: int
    number: int
    """Of two of one epoch the larger is the newer."""
