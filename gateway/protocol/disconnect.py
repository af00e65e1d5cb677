"""Disconnect: a client's hang-up cancels the request, in the queue and during the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The client closed its connection before the answer was complete."""


class Line(Protocol):
    """A connection that tells of its end (``clients.fate.Fate``)."""

    lost: bool
    at_loss: Callable[[], None] | None


class _Watched:
    """The present task, which a client's hang-up cancels."""

    __slots__ = ("_complete", "gone", "task")

    def __init__(self, complete: Callable[[], bool]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task, self._complete, self.gone = task, complete, False

    def left(self) -> None:
        """Cancel the task, unless its client has the whole answer."""
        if not self._complete():
            self.gone = True
            self.task.cancel()

    async def listen(self, receive: Receive) -> None:
        """Wait for the hang-up."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left()


async def unless_gone(
    receive: Receive,
    work: Coroutine[Any, Any, None],
    complete: Callable[[], bool],
    line: Line | None = None,
) -> None:
    """Run ``work``; cancel ``work`` if the client hangs up before ``complete()`` is true.

    ASGI reports a disconnect after a complete answer too, which is not a hang-up. A ``line`` tells
    of it by itself: a task that waits for ASGI's message takes 5 KB for each request.

    Raises:
        ClientGone: the client hung up.
    """
    watched, listener = _Watched(complete), None
    if line is None:
        listener = asyncio.create_task(watched.listen(receive))
    else:
        line.at_loss = watched.left
        if line.lost:
            watched.left()
    try:
        await work
    except asyncio.CancelledError:
        if watched.gone and watched.task.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        if line is not None:
            line.at_loss = None
        if listener is not None:
            listener.cancel()
