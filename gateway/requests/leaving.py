"""Leaving: how far the gateway is on its way out, and the end of requests that are still there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum

from gateway.protocol.errors import ApiError


class Stage(IntEnum):
    """The stages of the gateway's life, in order."""

    SERVING = 0
    ANNOUNCED = 1
    """``/ready`` says 503, so that balancers send nothing more; what they still send is served."""
    DRAINING = 2
    """New requests are refused, accepted ones end."""
    CUTTING = 3
    """Accepted requests are ended too."""


class Leaving:
    """The gateway's stage, and the relayed requests that it has accepted and not ended."""

    def __init__(self) -> None:
        self.stage = Stage.SERVING
        self.cut_requests = 0
        """Accepted requests that were ended before their answers were complete."""
        self.broken = ""
        """Why the gateway cannot go on; "" while it can."""
        self.at_drain: list[Callable[[], None]] = []
        """Called when new requests begin to be refused."""
        self._incomplete: set[asyncio.Task[object]] = set()
        self._accepted: set[asyncio.Task[object]] = set()
        self._cut: set[asyncio.Task[object]] = set()

    @property
    def running(self) -> int:
        """The number of accepted requests that have not ended."""
        return len(self._accepted)

    def request(self) -> _Accepted:
        """A context for the length of one request in the present task, which ``cut`` may end.

        Raises:
            ApiError: the gateway takes no more requests, or has ended this one.
        """
        return _Accepted(self)

    def begin(self, task: asyncio.Task[object]) -> None:
        """Take a request, which this task carries.

        Raises:
            ApiError: the gateway takes no more requests.
        """
        if self.stage >= Stage.DRAINING:
            raise _shutting_down("takes no more requests")
        self._accepted.add(task)
        self._incomplete.add(task)

    def end(self, task: asyncio.Task[object], error: BaseException | None) -> None:
        """Note the end of a task's request.

        Raises:
            ApiError: ``cut`` has ended it.
        """
        was_cut = task in self._cut
        for tasks in (self._accepted, self._incomplete, self._cut):
            tasks.discard(task)
        if was_cut and isinstance(error, asyncio.CancelledError):
            while task.uncancel():
                pass
            raise _shutting_down("had to end before the answer was complete") from None

    def drain(self) -> None:
        """Refuse new requests from now on."""
        self.stage = Stage.DRAINING
        for call in self.at_drain:
            call()

    def body_is_read(self) -> None:
        """Note that the body of the present task's request is complete."""
        task = asyncio.current_task()
        if task is not None:
            self._incomplete.discard(task)

    def cut_incomplete(self) -> None:
        """End the requests whose bodies are not complete: no worker has seen them."""
        self._end(self._incomplete)

    def cut(self) -> None:
        """End all requests, each with an error for its client."""
        self.stage = Stage.CUTTING
        self._end(self._accepted)

    def _end(self, tasks: set[asyncio.Task[object]]) -> None:
        for task in tasks - self._cut:
            self._cut.add(task)
            self.cut_requests += 1
            task.cancel()


class _Accepted:
    """One request in its task. A generator in its place would take four times the memory."""

    __slots__ = ("_leaving", "_task")

    def __init__(self, leaving: Leaving) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._leaving, self._task = leaving, task

    def __enter__(self) -> None:
        self._leaving.begin(self._task)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._leaving.end(self._task, error)


def _shutting_down(what: str) -> ApiError:
    error = ApiError(
        503,
        f"The gateway is shutting down and {what}. Send the request again.",
        code="shutting_down",
        retry_after=1,
    )
    error.headers = [(b"connection", b"close")]
    return error
