"""Connection: one client's connection, bounded in what it may hold and for how long.

uvicorn stops reading when a pipelined request comes, so that it never hears of a hang-up.
"""

from __future__ import annotations

import contextlib
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.clients.bounded_requests import BoundedRequests, TooFarAhead
from gateway.clients.unread_answer import UnreadAnswer
from gateway.protocol.errors import ApiError
from gateway.protocol.generating import shape_of

WAITING_BYTES = 32_768
"""Bytes of an answer that wait for the client here, beyond the kernel's, before it is paused."""


class Connection(BoundedRequests):
    """uvicorn's HTTP/1.1 that always reads: what must not be kept is thrown away."""

    __slots__ = ("_cut_off", "_deaf")

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._deaf = False
        """Whether what comes is thrown away."""
        self._cut_off = False
        """Whether the connection closes at once: what has not been taken never will be."""

    def connection_made(self, transport: Any) -> None:
        """Begin, unless there are too many connections."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WAITING_BYTES)
        self.address = self.client[0] if self.client else ""
        self._all.joined(self)

    def data_received(self, data: bytes) -> None:
        """Parse what the client sends, within the bounds."""
        if self._deaf:
            return
        self._all.heard(self)
        try:
            self._parse(data)
        except ApiError as error:
            self.refuse(error)
        except TooFarAhead:
            self._all.refused["pipelined"] += 1
            self._hear_no_more()

    def _came(self, *, whole: bool) -> None:
        """The headers of the request for the application have come, or the ``whole`` of it."""
        if whole:
            self.flow.resume_reading()  # uvicorn pauses at a large body; a hang-up must be heard
            self._all.answering(self)
        else:
            self._all.headers_came(self)

    def eof_received(self) -> None:
        """The client has ended its side: a hang-up, as uvicorn, nginx and Envoy take it."""
        if self._waiting and self.transport.get_write_buffer_size():
            self.transport.abort()  # closing would first wait for the client to read

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all requests of the connection that the client is gone."""
        self._hear_no_more()
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)
        self._all.left(self)
        self._fate.lost = True
        if self._fate.at_loss is not None:
            self._fate.at_loss()

    def pause_writing(self) -> None:
        """The client takes the answer more slowly than it comes."""
        super().pause_writing()
        self._all.answers.not_taken(self)

    def on_response_complete(self) -> None:
        """Go on with the next request, if it has come."""
        self.server_state.total_requests += 1
        if self.transport.get_write_buffer_size() > WAITING_BYTES:  # less may go out in a moment
            self._all.answers.not_taken(self)
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._running, app = self.pipeline.pop()
            self._start_asgi_task(self._running, app)
        elif self._deaf:
            self.transport.close()
        else:
            self._running, self._ahead = None, 0
            self._all.answered(self, in_headers=self._in_headers)

    def refuse(self, error: ApiError) -> None:
        """Answer with an error instead of what the client asks, and close."""
        self._all.refused[error.code] += 1
        running = self._running
        if running is not None and not running.response_complete:
            if not running.more_body:  # the fault is in a later request
                self._hear_no_more()
                return
            if running.response_started:
                self.cut(error.code)
                return
            self._fate.reason = error.code
            running.disconnected = True
            running.waiting_for_100_continue = False  # reading would write after our side's end
            running.message_event.set()
        self._deaf = True
        self._answer(error)

    def _answer(self, error: ApiError) -> None:
        """Write an error and end our side. The client's is read until it ends too."""
        body = error.body(shape_of(self.url.decode("latin-1").partition("?")[0]))
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if error.retry_after is not None:
            headers.append((b"retry-after", str(error.retry_after).encode()))
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        self.transport.write(b"".join([STATUS_LINE[error.status], *lines, b"\r\n", body]))
        if self.transport.can_write_eof():  # TLS has no end of one side
            with contextlib.suppress(OSError):  # the client has gone
                self.transport.write_eof()
        self.flow.resume_reading()
        self._all.lingers(self)

    def _hear_no_more(self) -> None:
        """Throw away what comes; close after the answers to what has come whole."""
        self._deaf = True
        while self.pipeline and self.pipeline[0][0].more_body:
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self._running
        if last is not None:
            last.keep_alive = False
        if not self._waiting and not self.transport.is_closing():
            self.transport.close()

    def close(self) -> None:
        """Close without an answer, after what has been written."""
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self._all.answers.not_taken(self)

    def cut(self, reason: str) -> None:
        """Close at once; ``reason`` is the outcome of the present request."""
        self._fate.reason, self._cut_off = reason, True
        self._all.left(self)
        self.transport.abort()

    @property
    def answering(self) -> bool:
        """Whether its request is not answered to the end, and may hold a worker."""
        return self._waiting

    def unread(self) -> UnreadAnswer | None:
        """What the client has not taken yet; None: nothing."""
        waits = not self._cut_off and self.transport.get_write_buffer_size()
        return UnreadAnswer(self.transport) if waits else None
