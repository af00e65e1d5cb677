"""Early streams: a stream begins while its request waits, so that nothing in between cuts it.

Load balancers close connections that are idle for a minute. A stream that has begun and gets a
comment every few seconds is not idle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.protocol.headers import without_buffering
from gateway.protocol.reply import Reply

COMMENT = b": waiting\n\n"
"""An event without data: clients ignore it."""

_HEADERS = without_buffering([(b"content-type", b"text/event-stream; charset=utf-8")])


@asynccontextmanager
async def early_stream(reply: Reply, seconds: float) -> AsyncIterator[None]:
    """Send a comment every so many ``seconds`` until an answer begins, for the length of the block.

    The first comment begins the stream with status 200; errors then come as events. 0: never.
    """
    if not seconds:
        yield
        return
    task = asyncio.create_task(_comments(reply, seconds))
    try:
        yield
    finally:
        task.cancel()


async def _comments(reply: Reply, seconds: float) -> None:
    await asyncio.sleep(seconds)
    while not reply.answering:
        if not reply.started:
            await reply.start(200, _HEADERS, own=True)
        await reply.write(COMMENT)
        await asyncio.sleep(seconds)
