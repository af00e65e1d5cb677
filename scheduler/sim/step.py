"""The result of one engine step: the requests' events, or every token."""

from __future__ import annotations

from typing import NamedTuple


class StepEvents(NamedTuple):
    """The events of one step, without the requests that only got one more token.

    Args:
        duration: seconds.
        entered: ids of requests in their first step.
        started: ids of requests that got their first token.
        reached: ids of requests that reached a multiple of the engine's ``report_every`` tokens,
            with the number of tokens; without the finished ones.
        finished: ids of requests that left.
        preempted: ids of requests that wait again.
    """

    duration: float
    entered: list[str]
    started: list[str]
    reached: list[tuple[str, int]]
    finished: list[str]
    preempted: list[str]


class StepTokens(NamedTuple):
    """Every token of one step.

    Args:
        duration: seconds.
        emitted: ids of requests that got one token each, the finished ones included.
        finished: ids of requests that left.
        preempted: ids of requests that wait again.
    """

    duration: float
    emitted: list[str]
    finished: list[str]
    preempted: list[str]
