"""Reply: the answer to the client, as ASGI messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from gateway.protocol.asgi import OWN_ANSWER
from gateway.protocol.errors import ApiError, Shape
from gateway.protocol.headers import Headers


@dataclass(slots=True)
class Reply:
    """The answer to one client."""

    send: Callable[[dict[str, object]], Awaitable[None]]
    request_id: str
    shape: Shape = Shape.OPENAI
    """Shape of the gateway's own errors."""
    started: bool = False
    """Whether status and headers have gone to the client."""
    answering: bool = False
    """Whether a part of a worker's answer has gone to the client. Comments are no part."""
    inside_event: bool = False
    """Whether the last byte that has gone to the client is inside an event."""
    in_parts: bool = False
    """Whether an answer that is no stream passes in parts: it has no place for an error."""
    complete: bool = False
    """Whether the last byte has gone to the client."""
    debug: bool = False
    """Whether the client is told of queue, worker and forecast."""
    place: bool = False
    """Whether the client is told its place in the queue."""
    extra: Headers = field(default_factory=list)
    """Headers that the answer gets beside its own."""
    limits: Callable[[], Headers] | None = None
    """Gives headers with what is left of the client's limits; a worker's of these names go."""
    status: int = 0
    """The answer's status; 0 before it."""
    sent_bytes: int = 0
    """Bytes of the body that have gone to the client."""
    failed: bool = False
    """Whether the status or the last event tells of an error."""
    at_end: Callable[[], None] | None = None
    """Called when all but the last part has gone to the client."""

    def is_complete(self) -> bool:
        """Whether the last byte has gone to the client."""
        return self.complete

    async def start(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], *, own: bool = False
    ) -> None:
        """Send status and headers, the request's id among them.

        ``own``: the answer is the gateway's, not a worker's.
        """
        self.started, self.status, self.failed = True, status, status >= 400
        if self.limits is not None and (told := self.limits()):
            names = {name for name, _ in told}
            headers = [*(pair for pair in headers if pair[0].lower() not in names), *told]
        sent = [*headers, *self.extra, (b"x-request-id", self.request_id.encode("latin-1"))]
        await self.send(
            {"type": "http.response.start", "status": status, "headers": sent, OWN_ANSWER: own}
        )

    async def write(self, data: bytes) -> None:
        """Send a part of the body at once."""
        self.sent_bytes += len(data)
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Send the last part of the body."""
        self.complete = True
        self.sent_bytes += len(data)
        if self.at_end is not None:
            self.at_end()
        await self.send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, headers: Headers, body: bytes, *, own: bool = False) -> None:
        """Send a complete answer. The ``headers`` of an answer to HEAD tell its length."""
        if status not in {204, 304} and all(name != b"content-length" for name, _ in headers):
            headers = [*headers, (b"content-length", str(len(body)).encode())]
        await self.start(status, headers, own=own)
        await self.finish(body)

    async def error(self, error: ApiError) -> None:
        """Send an error: as an answer, or as the last event of a stream that has begun.

        Clients raise the event as an error. No [DONE] follows.
        """
        if self.complete or self.in_parts:
            return  # without its last part, the server closes the connection
        if self.started:
            self.failed = True
            await self.finish(b"\n\n" * self.inside_event + error.event(self.shape))
            return
        headers = [(b"content-type", b"application/json"), *error.headers]
        if error.retry_after is not None:
            headers.append((b"retry-after", str(error.retry_after).encode()))
        await self.whole(error.status, headers, error.body(self.shape), own=True)
