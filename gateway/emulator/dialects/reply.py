"""The reply to a request for text, streamed or whole, in the dialect of the API asked."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from gateway.emulator.answers.choice import Choice, Token
from gateway.emulator.json_text import JsonReply
from gateway.emulator.worker import EmulatedWorker, Generation

SSE_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8")]


@dataclass(frozen=True, slots=True)
class Frame:
    """What every answer repeats; ``prompt_tokens`` counts each prompt once."""

    request_id: str
    model: str
    prompt_tokens: int
    created: int = field(default_factory=lambda: int(time.time()))

    def head(self, kind: str) -> dict[str, Any]:
        """The first fields of a whole answer, and of each event, of chat and completions."""
        return {
            "id": self.request_id,
            "object": kind,
            "created": self.created,
            "model": self.model,
        }


class Dialect(Protocol):
    """How one API writes the answer to one request."""

    @property
    def streams(self) -> bool:
        """Whether the request asks for a stream."""

    def whole(self, choices: list[Choice]) -> dict[str, Any]:
        """The whole answer."""

    def opening(self, choices: list[Choice]) -> list[bytes]:
        """The events before the first token."""

    def token(self, choice: Choice, token: Token) -> bytes:
        """The events of one token; may be empty."""

    def closing(self, choices: list[Choice]) -> bytes:
        """The events after the last token."""


@dataclass(frozen=True, slots=True)
class GenerationReply:
    """An ASGI response: runs the choices in the worker, until a disconnect aborts the choices.

    ``load_format`` is the request's ``endpoint-load-metrics-format`` header.
    """

    worker: EmulatedWorker
    dialect: Dialect
    choices: list[Choice]
    priority: int
    load_format: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        streaming = self.dialect.streams
        async with self.worker.generation(
            self.choices, receive, priority=self.priority, streaming=streaming
        ) as generation:
            if streaming:
                await self._stream(generation, send)
            elif await generation.tokens():
                body = self.dialect.whole(self.choices)
                reply = JsonReply(body, headers=self._load_header())
                await reply(scope, receive, send)

    async def _stream(self, generation: Generation, send: Send) -> None:
        dialect = self.dialect
        # The headers go out at once, as from vLLM, so a waiting client can hang up.
        await send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
        events = dialect.opening(self.choices)
        while tokens := await generation.tokens():
            events += [dialect.token(choice, choice.next_token()) for choice in tokens]
            await _send_events(send, events, more=True)
            events.clear()
        if not generation.closed:
            events.append(dialect.closing(self.choices))
        await _send_events(send, events, more=False)

    def _load_header(self) -> dict[str, str]:
        # The ORCA load report that vLLM adds to whole replies on request.
        engine = self.worker.engine
        load = {
            "kv_cache_usage_perc": engine.kv_usage,
            "num_requests_waiting": float(engine.waiting),
        }
        if self.load_format.lower() == "json":
            return {"endpoint-load-metrics": f"JSON {json.dumps({'named_metrics': load})}"}
        if self.load_format.lower() == "text":
            named = ", ".join(f"named_metrics.{name}={value}" for name, value in load.items())
            return {"endpoint-load-metrics": f"TEXT {named}"}
        return {}


async def _send_events(send: Send, events: list[bytes], *, more: bool) -> None:
    await send({"type": "http.response.body", "body": b"".join(events), "more_body": more})
