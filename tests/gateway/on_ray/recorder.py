"""An emulated worker that records which requests begin and which are answered to the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.emulator import EmulatorConfig
from gateway.emulator.app import create_emulator


class Recorder:
    """The emulator's ASGI application. A request is known by its last message."""

    def __init__(self, config: EmulatorConfig) -> None:
        self._app = create_emulator(config)
        self.begun: list[str] = []
        """Requests in the order in which they came."""
        self.answered: Counter[str] = Counter()
        """How often each was answered to its end."""
        self.running = 0
        """Requests that are here now."""

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Serve, and take notes."""
        if scope.get("path") != "/v1/chat/completions":
            await self._app(scope, receive, send)
            return
        body = b""
        name = ""

        async def noted() -> Any:
            nonlocal body, name
            message = await receive()
            if message["type"] == "http.request":
                body += message.get("body", b"")
                if not message.get("more_body"):
                    name = json.loads(body)["messages"][-1]["content"]
                    self.begun.append(name)
            return message

        async def sent(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self.answered[name] += 1

        self.running += 1
        try:
            await self._app(scope, noted, sent)
        finally:
            self.running -= 1
