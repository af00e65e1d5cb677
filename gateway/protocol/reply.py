"""Reply: the answer to the client, as ASGI messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from gateway.protocol.errors import ApiError
from gateway.protocol.headers import Headers


@dataclass(slots=True)
class Reply:
    """The answer to one client."""

    send: Callable[[dict[str, object]], Awaitable[None]]
    request_id: str
    started: bool = False
    """Whether status and headers have gone to the client."""
    complete: bool = False
    """Whether the last byte has gone to the client."""

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Send status and headers, the request's id among them."""
        self.started = True
        own = (b"x-request-id", self.request_id.encode())
        await self.send(
            {"type": "http.response.start", "status": status, "headers": [*headers, own]}
        )

    async def write(self, data: bytes) -> None:
        """Send a part of the body at once."""
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        """Send the last part of the body."""
        self.complete = True
        await self.send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a complete answer."""
        await self.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        await self.finish(body)

    async def error(self, error: ApiError) -> None:
        """Send an error: as an answer, or as the last event of a stream that has begun."""
        if self.started:
            await self.finish(error.event)
            return
        headers = [(b"content-type", b"application/json")]
        if error.retry_after is not None:
            headers.append((b"retry-after", str(error.retry_after).encode()))
        await self.whole(error.status, headers, error.body)
