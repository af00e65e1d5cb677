"""A worker that fails as told: a real server on a real socket that speaks just enough."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

MODELS = b'{"object":"list","data":[{"id":"emulated","object":"model"}]}'
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)

BUSY = b'{"error":{"message":"overloaded"}}'
ANSWER = b'{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'


def answer(body: bytes, status: str = "200 OK") -> bytes:
    """An HTTP response with a JSON body."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\nconnection: close\r\n\r\n" + body


def chunked(data: bytes) -> bytes:
    """One HTTP chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def refusing(status: str, again: str = "") -> Script:
    """A worker that answers at once with an error, and perhaps with ``Retry-After``."""
    head = f"{status}\r\nRetry-After: {again}" if again else status

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(BUSY, head))

    return script


@dataclass(slots=True)
class ScriptedWorker:
    """Healthy to probes while ``healthy``; ``script`` answers everything else."""

    script: Script
    healthy: bool = True
    dies: bool = False
    """Whether the first request makes it unhealthy."""
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    """Heads of the requests, probes apart: request line and headers."""
    models: bytes = MODELS
    """JSON of /v1/models."""
    metrics: bytes = b""
    """Text of /metrics; empty: the worker has no such path."""
    probed: list[bytes] = field(default_factory=list)
    """Heads of the probes."""
    statuses: dict[bytes, str] = field(default_factory=dict)
    """Path of a probe -> status line with which it is answered instead of 200, and headers."""
    before_probe: Callable[[bytes], Awaitable[None]] | None = None
    """Awaited with the path of a probe before the probe is answered."""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def served(self) -> int:
        """The number of requests, probes apart."""
        return len(self.requests)

    @property
    def paths(self) -> list[bytes]:
        """Paths of the requests, probes apart."""
        return [head.split(b" ")[1] for head in self.requests]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        self._open.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1]
            if path in {b"/health", b"/v1/models", b"/metrics"}:
                self.probed.append(head)
                if self.before_probe is not None:
                    await self.before_probe(path)
                if self.healthy:
                    writer.write(self._answer(path))
            else:
                self.requests.append(head)
                self.healthy = self.healthy and not self.dies
                await self.script(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _answer(self, path: bytes) -> bytes:
        if path in self.statuses:
            return answer(b"", self.statuses[path])
        if path == b"/metrics":
            return answer(self.metrics) if self.metrics else answer(b"", "404 Not Found")
        return answer(b"" if path == b"/health" else self.models)


@contextlib.asynccontextmanager
async def scripted(script: Script, *, dies: bool = False) -> AsyncIterator[ScriptedWorker]:
    """Serve a scripted worker on a free port."""
    worker = ScriptedWorker(script, dies=dies)
    server = await asyncio.start_server(worker.handle, "127.0.0.1", 0)
    worker.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield worker
        for writer in list(worker._open):
            writer.transport.abort()
