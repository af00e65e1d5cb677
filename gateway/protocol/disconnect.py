"""One disconnect listener for the whole life of a request: queue, wait for bytes, stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

Receive = Callable[[], Awaitable[Any]]


class ClientGone(Exception):
    """The client closed the connection before its answer was complete."""


async def unless_gone(
    receive: Receive, work: Coroutine[Any, Any, None], complete: Callable[[], bool]
) -> None:
    """Run ``work``; cancel it when the client leaves before ``complete()`` holds.

    ASGI reports a disconnect also after an answer's last byte: that is no hang-up.

    Raises:
        ClientGone: the client left.
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
