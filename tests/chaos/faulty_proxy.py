"""A worker's front: passes connections on, counts every request for text, and misbehaves on order.

Each connection carries one request, so an answer's end is the connection's.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from tests.chaos.http_text import LONGEST_HEAD, AnswerEnd, Head, message, read_head
from tests.chaos.schedule import Fault

PIECE = 2**16
TEXT_PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages")

NONSENSE_METRICS = (
    b'vllm:num_requests_running{engine="0"} +Inf\n',
    b'vllm:num_requests_running{engine="0"} -3\nvllm:num_requests_waiting{engine="0"} 1e300\n',
    b'vllm:cache_config_info{block_size="x",num_gpu_blocks="-1",engine="0"} NaN\n',
    b"\xff\xfe{}}{ not a line of metrics\n" * 50,
    b"",
)
NONSENSE_MODELS: tuple[object, ...] = (
    b"[" * 5000,
    b"<html>502</html>",
    {"object": "list", "data": "none"},
    {"object": "list", "data": [{"id": 7, "max_model_len": -1}, None]},
)


class Ending(Enum):
    """How an attempt at a worker ended."""

    OPEN = "open"
    WHOLE = "whole"
    """The last byte of the answer has gone to the gateway."""
    REFUSED = "refused"
    """429, 500 or 503 has gone to the gateway."""
    BROKEN = "broken"
    """The worker failed."""
    LEFT = "left"
    """The gateway closed the connection before the answer's end."""


@dataclass(slots=True)
class Attempt:
    """One request for text that reached a worker."""

    request_id: str
    ending: Ending = Ending.OPEN
    status: int = 0
    lied: bool = False


@dataclass(slots=True)
class FaultyProxy:
    """The front of one worker, at ``port``."""

    port: int
    worker_port: int
    rng: random.Random
    fault: Fault | None = None
    attempts: list[Attempt] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """The address that the gateway knows."""
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Take connections."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, limit=LONGEST_HEAD, backlog=1024
            )

    async def close(self) -> None:
        """Refuse connections, and reset those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            _reset(writer)

    def misbehave(self, fault: Fault | None) -> None:
        """Begin a fault, also for requests under way; None ends it."""
        self.fault = fault
        self._news.set()
        self._news = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        attempt: Attempt | None = None
        try:
            head = await read_head(reader)
            body = await reader.readexactly(head.length or 0)
            if head.first.startswith("POST") and head.path in TEXT_PATHS:
                attempt = Attempt(head.headers.get("x-request-id", ""))
                self.attempts.append(attempt)
            await self._answer(head, body, attempt, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            if attempt is not None and attempt.ending is Ending.OPEN:
                attempt.ending = Ending.BROKEN
            self._open.discard(writer)
            writer.close()

    async def _answer(
        self,
        head: Head,
        body: bytes,
        attempt: Attempt | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Answer for the worker, or let the worker answer; ends when the gateway hangs up."""
        answering = asyncio.create_task(self._own_answer(head, body, attempt, writer))
        leaving = asyncio.create_task(_end_of(reader))
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done() and attempt is not None and attempt.ending is Ending.OPEN:
            attempt.ending = Ending.LEFT
        leaving.cancel()
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering

    async def _own_answer(
        self, head: Head, body: bytes, attempt: Attempt | None, writer: asyncio.StreamWriter
    ) -> None:
        answer = self._told(head, attempt)
        if attempt is not None and self.fault is Fault.RESET:
            _reset(writer)
        elif answer is not None:
            writer.write(answer)
            await writer.drain()
        else:
            while attempt is not None and self.fault is Fault.HANG:
                await self._news.wait()
            await self._relay(head, body, attempt, writer)

    def _told(self, head: Head, attempt: Attempt | None) -> bytes | None:
        """The answer that the proxy makes up; None: the worker answers."""
        if attempt is None:
            if self.fault is Fault.LIE_METRICS and head.path == "/metrics":
                return message("HTTP/1.1 200 OK", self.rng.choice(NONSENSE_METRICS))
            if self.fault is Fault.LIE_MODELS and head.path == "/v1/models":
                return message("HTTP/1.1 200 OK", self.rng.choice(NONSENSE_MODELS))
            return None
        if self.fault not in {Fault.BUSY, Fault.BROKEN}:
            return None
        status = 500 if self.fault is Fault.BROKEN else self.rng.choice((429, 503))
        attempt.ending, attempt.status = Ending.REFUSED, status
        error = {"message": "refused by the chaos", "type": "chaos", "param": None, "code": status}
        asked = ["retry-after: 1"] * (status != 500 and self.rng.random() < 0.5)
        return message(f"HTTP/1.1 {status} Chaos", {"error": error}, *asked)

    async def _relay(
        self, head: Head, body: bytes, attempt: Attempt | None, writer: asyncio.StreamWriter
    ) -> None:
        """Let the worker answer, as the present fault has it."""
        worker_reader, worker = await asyncio.open_connection("127.0.0.1", self.worker_port)
        end = AnswerEnd()
        try:
            worker.write(head.closing() + body)
            await worker.drain()
            while data := await worker_reader.read(PIECE):
                end.feed(data)
                shown = await self._spoilt(data, attempt)
                if shown is None:
                    _reset(writer)
                    return
                if end.whole and attempt is not None:  # before the gateway can know
                    attempt.ending, attempt.status = Ending.WHOLE, end.status
                writer.write(shown)
                await writer.drain()
            if not end.whole:
                _reset(writer)
        finally:
            worker.close()

    async def _spoilt(self, data: bytes, attempt: Attempt | None) -> bytes | None:
        """A piece of an answer as the gateway gets it, and when; None: the connection breaks."""
        if attempt is None:
            return data
        while self.fault is Fault.STALL and self.rng.random() < 0.5:
            await self._news.wait()
        if self.fault is Fault.SLOW:
            await asyncio.sleep(self.rng.uniform(0.05, 0.3))
        if self.fault is Fault.CUT and self.rng.random() < 0.3:
            return None
        if self.fault is Fault.LIE_USAGE:
            lie = with_false_usage(data)
            attempt.lied |= lie != data
            return lie
        return data


def with_false_usage(data: bytes) -> bytes:
    """An answer with other counts of tokens, of as many bytes: no length has to change."""
    return re.sub(
        rb'("(?:completion|output|prompt|input)_tokens": ?)(\d+)',
        lambda found: found[1] + (b"9" if len(found[2]) == 1 else b"-9".ljust(len(found[2]), b"9")),
        data,
    )


async def _end_of(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await reader.read(PIECE):
            pass


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection, as a dying process does."""
    sock: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
