"""Clients of every kind. Each notes in the ledger how its request ended."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp

from tests.chaos.answers import NoEnd, output_tokens, possible_outcomes
from tests.chaos.http_text import read_head
from tests.chaos.ledger import HUNG_UP, Ledger

PROMPT_FIELDS = {"chat/completions": "messages", "completions": "prompt"}
ENDPOINTS = ("chat/completions", "chat/completions", "completions", "responses", "messages")
UNREAD = "other"
"""The endpoint under which the gateway counts a request that it has not read to the end."""

SMALL_BUFFER = 4096
STALL_TOKENS = 1500
"""Tokens of an answer that does not fit into the buffers between gateway and client."""

Kind = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the client of one request saw."""

    possible: frozenset[str]
    tokens: int | None = None


@dataclass(slots=True)
class Clients:
    """All clients of one gateway at ``port``."""

    port: int
    model: str
    session: aiohttp.ClientSession
    rng: random.Random
    ledger: Ledger
    patience_s: float
    """Seconds within which every request must have ended, whatever happens."""
    body_s: float
    """The gateway's limit for a request's body."""
    seen: dict[str, Seen] = field(default_factory=dict)
    """By request id, which is the workers' too."""
    _ids: count[int] = field(default_factory=count)

    def kinds(self) -> list[tuple[float, Kind]]:
        """The kinds of clients, each with its share."""
        return [
            (34, self.whole),
            (34, self.stream),
            (6, self.leave_before_the_answer),
            (6, self.leave_in_the_middle),
            (1, self.stall_and_leave),
            (1, self.stall_and_read_on),
            (4, self.slow_body),
            (1, self.endless_body),
            (3, self.half_body),
            (2, self.half_head),
            (8, self.mistake),
        ]

    async def one(self, kind: Kind) -> None:
        """A client of a kind; an error that it does not expect is a loss."""
        try:
            async with asyncio.timeout(self.patience_s):
                await kind()
        except TimeoutError:
            self.ledger.lose(_name(kind), f"no end within {self.patience_s:g} s")
        except (OSError, aiohttp.ClientError, asyncio.IncompleteReadError, NoEnd) as error:
            self.ledger.lose(_name(kind), repr(error))

    async def whole(self) -> None:
        """Ask for an answer, and read it."""
        await self._ask(self.rng.choice(ENDPOINTS), stream=False)

    async def stream(self) -> None:
        """Ask for a stream, and read it to its end."""
        await self._ask(self.rng.choice(ENDPOINTS), stream=True)

    async def mistake(self) -> None:
        """Send a request with a mistake in it."""
        wrong: tuple[dict[str, Any], ...] = (
            {"model": "no-such-model"},
            {"temperature": "hot"},
            {"max_tokens": -5},
        )
        if self.rng.random() < 0.3:
            broken = self.rng.choice((b'{"model": "emulated", "prompt": ', b'{"model": 7}'))
            await self._send("completions", UNREAD, broken)
        else:
            fields = self._fields("chat/completions", stream=False)
            body = json.dumps(fields | self.rng.choice(wrong)).encode()
            await self._send("chat/completions", "chat/completions", body)

    async def slow_body(self) -> None:
        """Send the body in pieces, in time."""
        endpoint = self.rng.choice(ENDPOINTS)
        body = json.dumps(self._fields(endpoint, stream=False)).encode()
        await self._send(endpoint, endpoint, body, self.rng.uniform(0.2, 0.4) * self.body_s)

    async def endless_body(self) -> None:
        """Begin a body and send nothing more; the gateway must end the request."""
        async with self._raw(*self._head(self.rng.choice(ENDPOINTS), 5000)) as (reader, _, name):
            answer = await read_head(reader)
            body = await reader.readexactly(answer.length or 0)
        self._note(UNREAD, name, possible_outcomes("", answer.status, body, stream=False))

    async def half_body(self) -> None:
        """Hang up in the middle of the body."""
        async with self._raw(*self._head(self.rng.choice(ENDPOINTS), 5000)) as (_, _, name):
            await asyncio.sleep(self.rng.uniform(0, 0.3))
        self._note(UNREAD, name, frozenset({HUNG_UP}))

    async def half_head(self) -> None:
        """Hang up in the middle of the headers: no request yet."""
        async with self._raw(b"POST /v1/completions HTTP/1.1\r\nhost: gate", ""):
            await asyncio.sleep(self.rng.uniform(0, 0.3))

    async def leave_before_the_answer(self) -> None:
        """Hang up in the queue, or at the worker."""
        endpoint = self.rng.choice(ENDPOINTS)
        async with self._raw(*self._long(endpoint, 3000)):
            await asyncio.sleep(self.rng.expovariate(4))

    async def leave_in_the_middle(self) -> None:
        """Hang up in the middle of a stream."""
        async with self._raw(*self._long(self.rng.choice(ENDPOINTS), 3000)) as (reader, _, _):
            await reader.read(1)
            await asyncio.sleep(self.rng.uniform(0, 0.5))

    async def stall_and_leave(self) -> None:
        """Read nothing of a long stream for a while, then hang up."""
        asked = self._long(self.rng.choice(ENDPOINTS), STALL_TOKENS)
        async with self._raw(*asked, small_buffer=True):
            await asyncio.sleep(self.rng.uniform(6, 12))

    async def stall_and_read_on(self) -> None:
        """Read nothing of a long stream for a while, then the rest, which the gateway may cut."""
        asked = self._long(self.rng.choice(ENDPOINTS), STALL_TOKENS)
        async with self._raw(*asked, small_buffer=True) as (reader, _, _):
            await asyncio.sleep(self.rng.uniform(1, 4))
            with suppress(OSError):
                while await reader.read(2**16):
                    pass

    async def _ask(self, endpoint: str, *, stream: bool) -> None:
        fields = self._fields(endpoint, stream=stream)
        await self._send(endpoint, endpoint, json.dumps(fields).encode(), stream=stream)

    async def _send(
        self, path: str, endpoint: str, body: bytes, slow_s: float = 0.0, *, stream: bool = False
    ) -> None:
        """Send a request as an ordinary client does, and note how it ended."""
        name = self._name()
        headers = {"x-request-id": name, "content-type": "application/json"}
        url = f"http://127.0.0.1:{self.port}/v1/{path}"
        data = _in_pieces(body, slow_s) if slow_s else body
        async with self.session.post(url, data=data, headers=headers) as response:
            answer = await response.read()
        possible = possible_outcomes(path, response.status, answer, stream=stream)
        self._note(endpoint, name, possible, output_tokens(answer))

    def _note(
        self, endpoint: str, name: str, possible: frozenset[str], tokens: int | None = None
    ) -> None:
        self.ledger.add(endpoint, *possible)
        self.seen[name] = Seen(possible, tokens)

    def _name(self) -> str:
        return f"chaos-{next(self._ids)}"

    def _long(self, endpoint: str, tokens: int) -> tuple[bytes, str]:
        """A stream that its client will leave: noted at once, so that no error can lose it."""
        fields = self._fields(endpoint, stream=True)
        body = json.dumps(fields | {"vllm_xargs": {"target_tokens": tokens}}).encode()
        head, name = self._head(endpoint, len(body))
        self._note(endpoint, name, frozenset({HUNG_UP}))
        return head + body, name

    def _head(self, endpoint: str, length: int) -> tuple[bytes, str]:
        name = self._name()
        head = (
            f"POST /v1/{endpoint} HTTP/1.1\r\nhost: gateway\r\nx-request-id: {name}\r\n"
            f"content-type: application/json\r\ncontent-length: {length}\r\n"
            "connection: close\r\n\r\n"
        )
        return head.encode(), name

    @asynccontextmanager
    async def _raw(
        self, data: bytes, name: str, *, small_buffer: bool = False
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, str]]:
        """A connection on which ``data`` has been sent; it is closed at the block's end."""
        sock = socket.socket()
        sock.setblocking(False)
        if small_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", self.port))
        limit = SMALL_BUFFER if small_buffer else 2**16
        reader, writer = await asyncio.open_connection(sock=sock, limit=limit)
        try:
            writer.write(data)
            await writer.drain()
            yield reader, writer, name
        finally:
            writer.transport.abort()

    def _fields(self, endpoint: str, *, stream: bool) -> dict[str, Any]:
        """A request with a forced length, which most are short."""
        text = "Tell me about the sea. " * self.rng.randint(1, 30)
        tokens = min(400, 1 + round(self.rng.expovariate(1 / 30)))
        fields: dict[str, Any] = {
            "model": self.model,
            "stream": stream,
            "vllm_xargs": {"target_tokens": tokens},
        }
        if endpoint == "responses":
            return fields | {"input": text, "store": False}
        if endpoint == "messages":
            return fields | {"messages": _conversation(text), "max_tokens": 4096}
        if stream:
            fields["stream_options"] = {"include_usage": True}
        if endpoint == "completions":
            return fields | {"prompt": text, "max_tokens": 4096}
        return fields | {"messages": _conversation(text)}


def _conversation(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


async def _in_pieces(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    third = len(body) // 3 + 1
    for begin in range(0, len(body), third):
        if begin:
            await asyncio.sleep(seconds / 2)
        yield body[begin : begin + third]


def _name(kind: Kind) -> str:
    return getattr(kind, "__name__", "client").replace("_", " ")
