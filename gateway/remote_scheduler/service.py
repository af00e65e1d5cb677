"""Service: carries the messages of each front to the core, and the answers back, over gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
from collections.abc import Sequence
from time import monotonic
from typing import Any

from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import StreamTerminatedError

from gateway.remote_scheduler.core import Core, Refusal, Session
from gateway.remote_scheduler.encoding import BadMessage, encode, from_front, messages_of
from gateway.remote_scheduler.entries import take
from gateway.remote_scheduler.front_messages import Hello
from gateway.remote_scheduler.pauses import pause_s
from gateway.remote_scheduler.pictures import Pictures
from gateway.remote_scheduler.reading import read_message
from gateway.remote_scheduler.scheduler_messages import Refused
from gateway.remote_scheduler.states import (
    ATTACH,
    MOST_BYTES,
    MOST_BYTES_DOWN,
    MOST_HELLO_BYTES,
)

log = logging.getLogger("lengthwise")

TICK_S = 0.05
"""Seconds between two looks at deadlines and silent fronts."""

PICTURE_S = 0.25
"""Seconds between two pictures of a scheduler whose state changes."""

BEAT_S = 1.0
"""Seconds after which a picture goes out without a change too, and between two memories."""

NOTHING = encode([])

SILENT_S = 10.0
"""Seconds without a word after which a front counts as dead. One that is there says something every
second."""

GRACE_S = 1.0
"""Seconds after the start for which the jobs of a predecessor are awaited."""


class Bytes(CodecBase):
    """Messages are bytes already."""

    __content_subtype__ = "msgpack"

    def encode(self, message: Any, message_type: Any) -> bytes:
        """The message."""
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:
        """The message."""
        return data


class _Stream:
    """The stream of one front."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.task = asyncio.current_task()
        self.heard = monotonic()
        self.news = asyncio.Event()
        self.why = ""
        """Why the stream is ended from here; "" while it is not."""

    def end(self, why: str) -> None:
        """End the stream."""
        self.why = self.why or why
        if self.task is not None:
            self.task.cancel()

    async def write(self, session: Session, core: Core) -> None:
        """Send what the core leaves in the session, all of it that has come meanwhile at once."""
        scheduler = core.scheduler
        while True:
            await self.news.wait()
            self.news.clear()
            entries, session.out = session.out, []
            for data in messages_of(entries, MOST_BYTES_DOWN):
                await self.stream.send_message(data)
            await asyncio.sleep(pause_s(scheduler.waiting, scheduler.turn_seconds))


class Service:
    """The gRPC service of a core."""

    def __init__(self, core: Core, token: str = "") -> None:
        self._core, self._token = core, token
        self._streams: dict[int, _Stream] = {}
        self._pictures = Pictures(core)

    def __mapping__(self) -> dict[str, Handler]:
        """The service for a gRPC server."""
        return {ATTACH: Handler(self.attach, Cardinality.STREAM_STREAM, bytes, bytes)}

    async def attach(self, stream: Any) -> None:
        """Serve a front to the end of its stream."""
        here, session = _Stream(stream), None
        try:
            async with asyncio.timeout(SILENT_S):
                first = await read_message(stream, MOST_HELLO_BYTES)
            entries = from_front(first or NOTHING)
            session = self._joined(entries[0] if entries else None, here)
            await self._serve(session, here, entries[1:])
        except (Refusal, BadMessage) as error:
            log.warning("a front is refused: %s", error)
            await self._tell(stream, str(error))
        except asyncio.CancelledError:
            if not here.why:
                raise
            await self._tell(stream, here.why)
        except (StreamTerminatedError, ConnectionError, TimeoutError, AssertionError):
            pass  # the front has gone, maybe in the middle of a message
        finally:
            if session is not None:
                self._left(session)

    def _joined(self, hello: Any, here: _Stream) -> Session:
        if not isinstance(hello, Hello):
            raise Refusal("the first entry of a front is no hello")
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            raise Refusal(f"front {hello.front!r} has another token than this scheduler")
        for number, other in list(self._core.sessions.items()):
            if other.name == hello.front:
                old = self._streams[number]
                self._left(other)
                old.end(f"another front came as {hello.front!r}; each needs a name of its own")
        session = self._core.join(hello)
        self._streams[session.number] = here
        log.info("front %s is here", session.name)
        return session

    def _left(self, session: Session) -> None:
        if self._streams.pop(session.number, None) is not None:
            held = len(session.jobs)
            self._core.leave(session)
            log.info("front %s has gone; its %d requests are released", session.name, held)
            self._flush()

    async def _serve(self, session: Session, here: _Stream, entries: Sequence[Any]) -> None:
        writing = asyncio.create_task(here.write(session, self._core))
        try:
            take(self._core, session, entries)
            self._flush()
            while (data := await read_message(here.stream, MOST_BYTES)) is not None:
                here.heard = monotonic()
                take(self._core, session, from_front(data))
                self._flush()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _tell(self, stream: Any, why: str) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await stream.send_message(encode([Refused(why[:1000])]))

    def _flush(self) -> None:
        for number, session in self._core.sessions.items():
            if session.out:
                self._streams[number].news.set()

    async def watch(self) -> None:
        """Look after deadlines, silent fronts and the fronts' pictures, until cancelled."""
        begun = pictured = remembered = monotonic()
        changes = memories = 0
        while True:
            await asyncio.sleep(TICK_S)
            now, core = monotonic(), self._core
            core.watch()
            if core.held and now >= begun + GRACE_S:
                core.end_hold(grace_over=True)
            changed = core.changes != changes
            if now >= pictured + (PICTURE_S if changed else BEAT_S):
                pictured = now
                self._to_all(self._pictures.take())
                if now >= remembered + BEAT_S and changed and not core.held:
                    remembered, memories = now, memories + 1
                    memory = core.memory_now(memories)
                    if len(encode([memory])) <= MOST_BYTES // 2:
                        self._to_all(memory)
                changes = core.changes
            for stream in list(self._streams.values()):
                if now >= stream.heard + SILENT_S:
                    stream.end(f"nothing has been heard of this front for {SILENT_S:.0f} s")
            self._flush()

    def _to_all(self, entry: Any) -> None:
        for session in self._core.sessions.values():
            session.out.append(entry)
