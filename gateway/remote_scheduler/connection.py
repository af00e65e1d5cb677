"""Connection: keeps a front at its scheduler, again and again."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

from grpclib.client import Channel, StreamStreamMethod
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from gateway.remote_scheduler.address import SchedulerAddress
from gateway.remote_scheduler.encoding import BadMessage, encode, from_scheduler, messages_of
from gateway.remote_scheduler.front_messages import Hello
from gateway.remote_scheduler.pauses import pause_s
from gateway.remote_scheduler.remote_scheduler import RemoteScheduler
from gateway.remote_scheduler.scheduler_messages import Refused, Welcome
from gateway.remote_scheduler.service import Bytes
from gateway.remote_scheduler.states import ATTACH, VERSION

log = logging.getLogger("lengthwise")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 0.3
"""Seconds before the first new attempt, and before each of the later ones at most."""

BATCH_S = 0.001
"""Seconds between two messages at least: what comes meanwhile goes together."""

LAZY_S = 0.05
"""Seconds that progress and reports may wait for something to go with."""

BEAT_S = 1.0
"""Seconds after which a front says something, if only that it is there."""

SILENT_S = 4.0
"""Seconds without a word after which the scheduler counts as away."""

_LOST = (
    *(OSError, GRPCError, ProtocolError, StreamTerminatedError),
    *(TimeoutError, BadMessage, AssertionError, NotImplementedError),
)
"""How a connection ends. grpclib asserts that no message is cut, and takes none compressed."""


class Away(Exception):
    """The scheduler does not serve this front; the text says why."""


class Connection:
    """One front's connection to its scheduler."""

    def __init__(self, address: SchedulerAddress, scheduler: RemoteScheduler) -> None:
        self._address, self._scheduler = address, scheduler
        self.reconnects = 0
        """How often the scheduler has been found again."""
        self.epoch = 0
        """The newest epoch that this front has followed."""
        self._why = ""
        self._open: Channel | None = None

    def drop(self) -> None:
        """Leave the scheduler: it has moved. It is looked for again at once."""
        if self._open is not None:
            self._open.close()

    async def keep(self) -> None:
        """Stay connected until cancelled."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._connected()
            except Away as error:
                self._tell(str(error))
            except _LOST as error:
                self._tell(f"{type(error).__name__}: {error}".rstrip(": "))
            finally:
                was_there = not self._scheduler.away
                self._scheduler.away = True
                self._scheduler.outbox.end()
            pause = FIRST_PAUSE_S if was_there else min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    def _tell(self, why: str) -> None:
        if why != self._why or not self._scheduler.away:
            log.warning("the scheduler at %s is away: %s", self._address, why)
        self._why = why

    async def _connected(self) -> None:
        if (locate := self._address.locate) is not None:
            self._address = replace(await locate(self.drop), locate=locate)
        channel = self._open = self._channel()
        try:
            method = StreamStreamMethod[bytes, bytes](channel, ATTACH, bytes, bytes)
            async with asyncio.timeout(SILENT_S):
                await channel.__connect__()
            async with method.open() as stream:
                try:
                    await self._talk(stream)
                finally:
                    with suppress(Exception):
                        await stream.cancel()
        finally:
            channel.close()

    def _channel(self) -> Channel:
        address, codec = self._address, Bytes()
        if address.path is not None:
            return Channel(path=str(address.path), codec=codec)
        context = ssl.create_default_context(cafile=address.authority)
        context.set_alpn_protocols(["h2"])
        return Channel(address.host, address.port, ssl=context, codec=codec)

    async def _talk(self, stream: Any) -> None:
        scheduler = self._scheduler
        address, now = self._address, None if self._address.path is not None else monotonic()
        hello = Hello(VERSION, address.front, address.token, now, self.epoch)
        await stream.send_message(encode([hello]))
        welcome, *entries = await self._read(stream) or [None]
        self._welcomed(welcome)
        for data in messages_of(scheduler.begin()):
            await stream.send_message(data)
        scheduler.away = False
        scheduler.take(entries)
        writing = asyncio.create_task(self._write(stream))
        try:
            while True:
                scheduler.take(self._followed(await self._read(stream)))
                if writing.done():
                    writing.result()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _read(self, stream: Any) -> list[Any]:
        async with asyncio.timeout(SILENT_S):
            data = await stream.recv_message()
        if data is None:
            raise Away("it has ended the stream")
        entries = from_scheduler(data)
        for entry in entries:
            if isinstance(entry, Refused):
                raise Away(entry.why)
        return entries

    def _welcomed(self, welcome: Any) -> None:
        if not isinstance(welcome, Welcome) or welcome.version != VERSION:
            raise Away(f"it speaks another version than {VERSION}")
        if welcome.epoch < self.epoch:
            raise Away("it started before the one that this front has followed")
        self.reconnects += bool(self.epoch)
        if self.epoch:
            log.warning("the scheduler at %s is back", self._address)
        self.epoch = welcome.epoch

    def _followed(self, entries: list[Any]) -> list[Any]:
        """The entries without a later epoch of the scheduler, which is noted."""
        for entry in entries:
            if isinstance(entry, Welcome):
                self.epoch = max(self.epoch, entry.epoch)
        return [entry for entry in entries if not isinstance(entry, Welcome)]

    async def _write(self, stream: Any) -> None:
        """Send what has come, all of it at once; the present turn of the loop is over then."""
        outbox, said = self._scheduler.outbox, monotonic()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAZY_S):
                    await outbox.wait()
            messages = messages_of(outbox.take())
            if not messages and monotonic() >= said + BEAT_S:
                messages = [encode([])]
            for data in messages:
                said = monotonic()
                await stream.send_message(data)
            picture = self._scheduler.waiting_jobs.picture  # own jobs may be on their way only
            pause = pause_s(picture.waiting, picture.turn_seconds)
            await asyncio.sleep(max(BATCH_S, pause))
