"""Disconnect: a client's hang-up cancels the request, in the queue and during the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The client closed its connection before the answer was complete."""


class Line(Protocol):
    """A connection that tells of its end (``clients.fate.Fate``)."""

    lost: bool
    at_loss: Callable[[], None] | None


class _Watched:
    """The present task, which a client's hang-up cancels while this context is open."""

    __slots__ = ("_complete", "_gone", "_line", "_listener", "_receive", "_task")

    def __init__(
        self, receive: Receive, complete: Callable[[], bool], line: Line | None = None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._complete, self._gone = task, complete, False
        self._receive, self._line = receive, line
        self._listener: asyncio.Task[None] | None = None

    def _left(self) -> None:
        """Cancel the task, unless its client has the whole answer."""
        if not self._complete():
            self._gone = True
            self._task.cancel()

    async def _listen(self) -> None:
        """Wait for the hang-up."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left()

    def __enter__(self) -> None:
        """Watch."""
        if self._line is None:
            self._listener = asyncio.create_task(self._listen())
            return
        self._line.at_loss = self._left
        if self._line.lost:
            self._left()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """End the watch.

        Raises:
            ClientGone: the client hung up.
        """
        if self._line is not None:
            self._line.at_loss = None
        if self._listener is not None:
            self._listener.cancel()
        if isinstance(error, asyncio.CancelledError) and self._gone and self._task.uncancel() == 0:
            raise ClientGone from None


def unless_gone(
    receive: Receive, complete: Callable[[], bool], line: Line | None = None
) -> AbstractContextManager[None]:
    """A context that is cancelled if the client hangs up before ``complete()`` is true.

    ASGI reports a disconnect after a complete answer too, which is not a hang-up. A ``line`` tells
    of it by itself: a task that waits for ASGI's message takes 5 KB for each request. A coroutine
    around the work would stay as long as the work.

    Raises:
        ClientGone: the client hung up.
    """
    return _Watched(receive, complete, line)
