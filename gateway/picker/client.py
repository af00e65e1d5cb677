"""Client: what the gateway's application takes for its client, of which Envoy tells."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from gateway.protocol.asgi import OWN_ANSWER, Message
from gateway.protocol.headers import Headers


class Teller(Protocol):
    """Tells Envoy what the application answers."""

    placed: bool
    """Whether a worker has the request, so that Envoy has the answer."""

    async def tell(self, status: int, headers: Headers, body: bytes) -> None:
        """Let Envoy give the client an answer of the gateway's own."""
        ...


class Client:
    """The two ends of an ASGI application: ``receive`` and ``send``."""

    def __init__(self, conversation: Teller) -> None:
        self._conversation = conversation
        self._coming: deque[Message] = deque()
        self._news = asyncio.Event()
        self._parts: list[bytes] = []
        self._own = False
        self._status, self._headers = 0, Headers()
        self._body: list[bytes] = []

    @property
    def sent(self) -> bytes:
        """The body as it came."""
        self._parts = [b"".join(self._parts)]
        return self._parts[0]

    def body(self, part: bytes, *, ended: bool) -> None:
        """Take a piece of the request's body."""
        self._parts.append(part)
        self._come({"type": "http.request", "body": part, "more_body": not ended})

    def hang_up(self) -> None:
        """Note that the client has gone."""
        self._come({"type": "http.disconnect"})

    def _come(self, message: Message) -> None:
        self._coming.append(message)
        self._news.set()

    async def receive(self) -> Message:
        """The next message of ASGI."""
        while not self._coming:
            self._news.clear()
            await self._news.wait()
        return self._coming.popleft()

    async def send(self, message: Message) -> None:
        """Take a message of ASGI: what comes from a worker, the client gets from Envoy."""
        if message["type"] == "http.response.start":
            self._own = bool(message.get(OWN_ANSWER)) or not self._conversation.placed
            self._status, self._headers = message["status"], list(message["headers"])
            return
        if not self._own:
            return
        self._body.append(message.get("body", b""))
        if not message.get("more_body"):
            await self._conversation.tell(self._status, self._headers, b"".join(self._body))
