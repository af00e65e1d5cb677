"""What a step of the engine did: told by request, or by token."""

from __future__ import annotations

from typing import NamedTuple


class Progress(NamedTuple):
    """What one step did, as far as whoever counts in requests wants to know.

    ``duration`` is in seconds. ``entered`` are computed for the first time, ``started`` got their
    first token, ``reached`` a multiple of the engine's ``report_every`` tokens (id and count,
    without those that finished), ``finished`` left and ``preempted`` wait again.
    """

    duration: float
    entered: list[str]
    started: list[str]
    reached: list[tuple[str, int]]
    finished: list[str]
    preempted: list[str]


class StepResult(NamedTuple):
    """What one step did to every request.

    ``duration`` is in seconds. Each id in ``emitted`` got exactly one token; the ids in
    ``finished`` left, their last token is in ``emitted``; those in ``preempted`` wait again.
    """

    duration: float
    emitted: list[str]
    finished: list[str]
    preempted: list[str]
