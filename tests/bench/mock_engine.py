"""An engine that costs next to nothing, and its clients: what is left is the proxy between them.

Both speak HTTP/1.1 over kept connections, by hand: a framework's own cost would hide the proxy's.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from multiprocessing.connection import Connection
from time import perf_counter
from typing import cast

import uvloop

MODEL = "mock"
KEY = "the-key-of-the-bench"
GAP_S = 0.005
"""Seconds between two chunks of a stream, so that each comes alone."""

_MODELS = json.dumps(
    {"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 32768}]}
)
_USAGE = '"usage":{"prompt_tokens":20,"completion_tokens":%d,"total_tokens":%d}'
_WHOLE = (
    '{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"mock","choices":[{"index":0,'
    '"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}],%s}'
)
_CHUNK = (
    'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"mock",'
    '"choices":[%s]%s}\n\n'
)
_DELTA = '{"index":0,"delta":{"content":" word"},"finish_reason":%s}'
_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
_STREAMS = re.compile(rb'"stream": ?true')
_TOKENS = re.compile(rb'"max_tokens": ?(\d+)')
_ASKS_USAGE = re.compile(rb'"include_usage": ?true')


def _answer(text: str, kind: str = "application/json") -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(text)}\r\n\r\n{text}"
    ).encode()


def _whole(got: bytes, end: int) -> int:
    """Bytes of a request whose head ends there; 0 while that is not known."""
    if _CHUNKED.search(got, 0, end + 2):
        return got.find(b"\r\n0\r\n\r\n", end + 4) + 7 if got.endswith(b"\r\n0\r\n\r\n") else 0
    length = _LENGTH.search(got, 0, end + 2)
    return end + 4 + (int(length[1]) if length else 0)


def _part(text: str) -> bytes:
    return f"{len(text):x}\r\n{text}\r\n".encode()


class Engine(asyncio.Protocol):
    """One connection to the engine."""

    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport, self._got = cast("asyncio.Transport", transport), b""

    def data_received(self, data: bytes) -> None:
        """Answer each request that has come whole."""
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        whole = _whole(self._got, end)
        if not 0 < whole <= len(self._got):
            return
        head, body = self._got[:end], self._got[end + 4 : whole]
        self._got = self._got[whole:]
        self._ask(head, body)

    def _ask(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            models = b"/v1/models" in head[:40]
            self._transport.write(
                _answer(_MODELS if models else "", "application/json" if models else "text/plain")
            )
            return
        found = _TOKENS.search(body)
        tokens = int(found[1]) if found else 16
        if _STREAMS.search(body):
            self._transport.write(_STREAM)
            self._stream(tokens, tokens, usage=bool(_ASKS_USAGE.search(body)))
        else:
            self._transport.write(
                _answer(_WHOLE % (" word" * tokens, _USAGE % (tokens, tokens + 20)))
            )

    def _stream(self, left: int, tokens: int, *, usage: bool) -> None:
        if self._transport.is_closing():
            return
        if left:
            delta = _DELTA % ('"stop"' if left == 1 else "null")
            self._transport.write(_part(_CHUNK % (delta, "")))
            again = asyncio.get_running_loop().call_later
            again(GAP_S, lambda: self._stream(left - 1, tokens, usage=usage))
            return
        last = _CHUNK % ("", "," + _USAGE % (tokens, tokens + 20)) if usage else ""
        self._transport.write(_part(last + "data: [DONE]\n\n") + b"0\r\n\r\n")


class Holding(Engine):
    """One connection to an engine that takes requests and never answers them."""

    def _ask(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            super()._ask(head, body)


def hold(said: Connection) -> None:
    """The process of such an engine; says its URL."""
    uvloop.run(_listen(Holding, said))


def serve(said: Connection) -> None:
    """The process of the engine; says its URL."""
    uvloop.run(_listen(Engine, said))


async def _listen(protocol: type[asyncio.Protocol], said: Connection) -> None:
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    said.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await server.serve_forever()


class Collector(Engine):
    """One connection to a collector of traces, which throws them away; GET tells how many came."""

    came = 0

    def _ask(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            self._transport.write(_answer(str(Collector.came), "text/plain"))
        else:
            Collector.came += 1
            self._transport.write(_answer("", "application/x-protobuf"))


def collect(said: Connection) -> None:
    """The process of the collector; says its URL."""
    uvloop.run(_listen(Collector, said))


class Asker(asyncio.Protocol):
    """A connection that asks again as soon as it is answered; ``took`` gets the seconds of each."""

    _transport: asyncio.Transport

    def __init__(self, request: bytes, took: Callable[[float], None]) -> None:
        self._request, self._took = request, took
        self.faults = self.chunks = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._got, self._asked_at = b"", perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Ask again after an answer's end."""
        self.chunks += data.count(b'"delta"')
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._got, 0, end + 2)
        if length:
            done = len(self._got) >= end + 4 + int(length[1])
        else:
            done = self._got.endswith(b"0\r\n\r\n")
        if done:
            self.faults += not self._got.startswith(b"HTTP/1.1 200")
            self._took(perf_counter() - self._asked_at)
            self._ask()

    def end(self) -> None:
        """Hang up."""
        self._transport.abort()


def ask(said: Connection, host: str, port: int) -> None:
    """The process of the clients: for each (connections, seconds, request) that comes, says
    the seconds that each answer took, and the numbers of answers other than 200 and of chunks."""

    async def measured(
        connections: int, seconds: float, request: bytes
    ) -> tuple[list[float], int, int]:
        took: list[float] = []
        loop = asyncio.get_running_loop()
        askers = [
            (await loop.create_connection(lambda: Asker(request, took.append), host, port))[1]
            for _ in range(connections)
        ]
        await asyncio.sleep(seconds)
        for one in askers:
            one.end()
        return took, sum(one.faults for one in askers), sum(one.chunks for one in askers)

    while True:
        said.send(uvloop.run(measured(*said.recv())))


def request(target: str, *, tokens: int, stream: bool) -> bytes:
    """A chat request of an ordinary client, as bytes."""
    body = json.dumps(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": "Say in a few words why the sky is blue."}],
            "max_tokens": tokens,
            "stream": stream,
        }
    )
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {target}\r\naccept: */*\r\n"
        f"content-type: application/json\r\nauthorization: Bearer {KEY}\r\n"
        f"user-agent: bench\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()
