"""Service: Envoy's ExternalProcessor over gRPC, one conversation for each request."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from grpclib import GRPCError, Status
from grpclib.const import Cardinality, Handler
from grpclib.exceptions import StreamTerminatedError

from gateway.metrics import Metrics
from gateway.picker.conversation import Conversation
from gateway.picker.messages import ProcessingRequest, ProcessingResponse
from gateway.protocol.asgi import App
from gateway.protocol.errors import ApiError
from gateway.protocol.headers import Headers
from gateway.requests.leaving import Leaving, Stage

NAME = "envoy.service.ext_proc.v3.ExternalProcessor"

_JSON: Headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]


@dataclass(slots=True)
class Processor:
    """Answers the data planes' streams with the gateway's application."""

    app: App
    metrics: Metrics
    leaving: Leaving
    max_requests: int
    streams: int = 0
    """Requests that are held, or answered by a worker, now."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __mapping__(self) -> dict[str, Handler]:
        """The service for a gRPC server."""
        kinds = Cardinality.STREAM_STREAM, ProcessingRequest, ProcessingResponse
        return {f"/{NAME}/Process": Handler(self.process, *kinds)}

    async def process(self, context: Any) -> None:
        """Carry one stream, which is one request, to its end."""
        self.streams += 1
        self.metrics.picker_streams.set(self.streams)
        try:
            await _Stream(self, context).run()
        finally:
            self.streams -= 1
            self.metrics.picker_streams.set(self.streams)

    def start(self, work: Any) -> asyncio.Task[None]:
        """Run the application for one request; the loop alone keeps no task alive."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Stream:
    """One stream of gRPC."""

    def __init__(self, service: Processor, context: Any) -> None:
        self._service = service
        self._context = context
        self._turn = asyncio.Lock()
        self._talk = Conversation(self._write)
        self._reader: asyncio.Task[Any] | None = None
        self._ending = False

    async def _write(self, message: Any) -> None:
        async with self._turn:  # the application and the reader both write
            await self._context.send_message(message)

    async def run(self) -> None:
        """Read to the stream's end, or to an answer that has to be cut."""
        self._reader = asyncio.current_task()
        try:
            await self._read()
        except asyncio.CancelledError:
            if not self._ending:
                raise
            assert self._reader is not None
            self._reader.uncancel()
            if self._service.leaving.stage is not Stage.CUTTING:
                raise GRPCError(Status.ABORTED, "the answer has been cut") from None
        finally:
            self._talk.closed()

    async def _read(self) -> None:
        begun = False
        while (message := await self._context.recv_message()) is not None:
            if message.HasField("request_headers"):
                wrong = await self._talk.opened(message)
                if refused := self._refusal(wrong):
                    await self._talk.tell(refused.status, _JSON, refused.body())
                    self._count("refused")
                    continue  # the data plane ends the stream once it has read the answer
                self._service.start(self._answer(message))
                begun = True
            elif begun:
                await self._talk.take(message)

    def _refusal(self, wrong: str) -> ApiError | None:
        most = self._service.max_requests
        if wrong:
            return ApiError(
                500, f"The filter ext_proc of the data plane: {wrong}.", code="internal_error"
            )
        if self._service.streams > most:
            text = f"{most} requests are under way (picker.max_requests). Try again later."
            return ApiError(503, text, code="too_many_connections", retry_after=1)
        return None

    async def _answer(self, message: Any) -> None:
        """Answer the request, and count how."""
        with contextlib.suppress(GRPCError, StreamTerminatedError, ConnectionError):
            await self._talk.begin(message, self._service.app)
        if self._talk.finished or self._talk.left_alone:
            self._count("placed")
        elif not self._talk.placed:
            self._count("answered" if self._talk.told else "gone")
        else:
            self._count("cut")
            self._end_early()

    def _end_early(self) -> None:
        """End the stream of an answer that the application has given up, so that Envoy cuts it.

        An answer that a drain leaves behind goes on without the picker: the stream ends in peace.
        """
        assert self._reader is not None
        if not self._reader.done():
            self._ending = True
            self._reader.cancel()

    def _count(self, result: str) -> None:
        self._service.metrics.picker_requests.labels(result).inc()
