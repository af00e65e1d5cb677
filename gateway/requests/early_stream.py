"""Early streams: a stream begins while its request waits, so that nothing in between cuts it.

Load balancers close connections that are idle for a minute. A stream that has begun and gets a
comment every few seconds is not idle. A comment may also tell the place in the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from gateway.protocol.headers import without_buffering
from gateway.protocol.reply import Reply

COMMENT = b": waiting\n\n"
"""An event without data: clients ignore it."""

PLACE_S = 1.0
"""Seconds between two comments with a place."""

_NEVER = nullcontext()
_HEADERS = without_buffering([(b"content-type", b"text/event-stream; charset=utf-8")])

Told = Callable[[], Awaitable[bytes]]
"""Gives the comment about the place of a request; b"" while it does not wait."""


def early_stream(
    reply: Reply, seconds: float, place: Told | None
) -> AbstractAsyncContextManager[None]:
    """Send a comment every so many ``seconds`` until an answer begins, for the length of the block.

    The first comment begins the stream with status 200; errors then come as events. 0: never. With
    ``place``, comments tell it, the first one at once.
    """
    return _NEVER if not seconds and place is None else _early_stream(reply, seconds, place)


@asynccontextmanager
async def _early_stream(reply: Reply, seconds: float, place: Told | None) -> AsyncIterator[None]:
    task = asyncio.create_task(_comments(reply, seconds, place))
    try:
        yield
    finally:
        task.cancel()


async def _comments(reply: Reply, seconds: float, place: Told | None) -> None:
    other = COMMENT if seconds else b""
    if place is None:
        await asyncio.sleep(seconds)
    else:
        seconds = min(seconds or PLACE_S, PLACE_S)
    while not reply.answering:
        comment = other if place is None else await place() or other
        if reply.answering or reply.failed:
            return
        if comment and not reply.started:
            await reply.start(200, _HEADERS, own=True)
        if comment:
            await reply.write(comment)
        await asyncio.sleep(seconds)
