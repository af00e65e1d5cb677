"""Clients of every kind, which count their own answers and errors."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from openai import APIStatusError, AsyncOpenAI
from openai.types import CompletionUsage

MODEL = "emulated"
CLIENTS = 20
BURST = 60
PATIENCE_S = 0.05
MOST_TOKENS = 500
"""Of an answer that a client waits for. Now and then the emulated worker draws many thousands,
which held up the end of the load for a minute."""
TOO_LONG = {"vllm_xargs": {"target_tokens": 30_000}}
"""Requests an answer that is far from its end when these clients hang up, also on a machine so busy
that a hang-up takes seconds to be seen."""


@dataclass(slots=True)
class Client:
    """Sends requests and counts the outcomes, under the names of the gateway's metrics."""

    api: AsyncOpenAI
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    outcomes: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    generation_tokens: int = 0

    @property
    def saw_enough(self) -> bool:
        """Whether each of the four outcomes has come up at least five times."""
        return len(self.outcomes) == 4 and min(self.outcomes.values()) >= 5

    async def burst(self) -> None:
        """Send more requests at once than the queue holds."""
        async with asyncio.TaskGroup() as group:
            for _ in range(BURST):
                group.create_task(self._ask())

    @asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Clients that send requests during the block; it ends when every answer has come."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(self._talk(stop))
            try:
                yield
            finally:
                stop.set()

    async def _talk(self, stop: asyncio.Event) -> None:
        kinds = (self._stream, self._stream, self._ask, self._leave, self._give_up, self._mistake)
        while not stop.is_set():
            await self.rng.choice(kinds)()

    def _request(self, **fields: Any) -> dict[str, Any]:
        text = "Tell me about the sea. " * self.rng.randint(1, 40)
        return {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}

    def _awaited(self, **fields: Any) -> dict[str, Any]:
        return self._request(max_tokens=MOST_TOKENS, **fields)

    async def _stream(self) -> None:
        options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        usage = None
        async for chunk in await self.api.chat.completions.create(**self._awaited(**options)):
            usage = chunk.usage or usage
        self._answered(usage)

    async def _ask(self) -> None:
        try:
            answer = await self.api.chat.completions.create(**self._awaited())
            self._answered(answer.usage)
        except APIStatusError as error:
            self._refused(error)

    async def _leave(self) -> None:
        """Hang up in the middle of a stream."""
        request = self._request(stream=True, extra_body=TOO_LONG)
        stream = await self.api.chat.completions.create(**request)
        async for _ in stream:
            break
        await stream.close()
        self.outcomes["client_gone"] += 1

    async def _give_up(self) -> None:
        """Hang up before the first byte: in the queue or at the worker.

        On a plain socket, to be sure that the request is sent.
        """
        url = urlsplit(str(self.api.base_url))
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        body = json.dumps(self._request(**TOO_LONG)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        await writer.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                raise AssertionError(f"too soon: {await reader.read(1000)!r}")
        writer.close()
        await writer.wait_closed()
        self.outcomes["client_gone"] += 1

    async def _mistake(self) -> None:
        try:
            await self.api.chat.completions.create(**self._request() | {"model": "no-such-model"})
        except APIStatusError as error:
            self._refused(error)

    def _answered(self, usage: CompletionUsage | None) -> None:
        assert usage is not None
        self.outcomes["ok"] += 1
        self.prompt_tokens += usage.prompt_tokens
        self.generation_tokens += usage.completion_tokens

    def _refused(self, error: APIStatusError) -> None:
        assert error.code is not None, error
        self.outcomes[error.code] += 1
