"""Disconnect: a client's hang-up cancels the request, in the queue and during the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The client closed its connection before the answer was complete."""


async def unless_gone(
    receive: Receive, work: Coroutine[Any, Any, None], complete: Callable[[], bool]
) -> None:
    """Run ``work``; cancel ``work`` if the client hangs up before ``complete()`` is true.

    ASGI reports a disconnect after a complete answer too, which is not a hang-up.

    Raises:
        ClientGone: the client hung up.
    """
    task = asyncio.current_task()
    assert task is not None
    gone = False

    async def listen() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        if not complete():
            gone = True
            task.cancel()

    listener = asyncio.create_task(listen())
    try:
        await work
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        listener.cancel()
