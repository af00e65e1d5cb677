"""Conversation: one request of Envoy's, from its headers to the last byte of its answer.

The gateway's application answers the request as it answers one of HTTP. Where it would send the
request to a worker, ``carry`` names the worker to Envoy instead, and what Envoy shows of the
response is the worker's answer to it. What the application answers itself, Envoy answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from multidict import CIMultiDict

from gateway.picker import answers
from gateway.picker.client import Client
from gateway.picker.destination import allowed, destination, subset_hint
from gateway.picker.envoy_answer import EnvoyAnswer
from gateway.picker.messages import BUFFERED, FULL_DUPLEX_STREAMED
from gateway.picker.scope import header_pairs, scope_of
from gateway.protocol.asgi import App
from gateway.protocol.headers import Headers
from gateway.workers.answer import Answer
from gateway.workers.failures import ExchangeEnded

Write = Callable[[Any], Awaitable[None]]


class Conversation:
    """One request. ``write`` sends Envoy a message; ``started`` gets the application's task."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._client = Client(self)
        self._headers: Headers = []
        self._hint: frozenset[str] | None = None
        self._has_body = self._duplex = self._duplex_response = self._trailers = False
        self._answer: asyncio.Future[EnvoyAnswer] = asyncio.get_running_loop().create_future()
        self.placed = False
        """Whether Envoy has a destination for the request."""
        self.told = False
        """Whether Envoy has been told what becomes of the request."""

    # What Envoy says

    async def begin(self, message: Any, app: App) -> None:
        """Let the application answer a request whose headers have come, to its end."""
        headers = message.request_headers
        self._headers = [one for one in header_pairs(headers.headers) if one[0][:1] != b":"]
        self._hint = subset_hint(message.metadata_context)
        await app(scope_of(headers.headers, self), self._client.receive, self._client.send)

    async def opened(self, message: Any) -> str:
        """Take the headers of a request; returns what is wrong with Envoy's modes, "" if nothing.

        Envoy waits with a buffered body until its headers have been answered.
        """
        ended, config = message.request_headers.end_of_stream, message.protocol_config
        # Data planes that do not tell their modes follow the protocol, which wants full duplex.
        known = message.HasField("protocol_config")
        mode = config.request_body_mode if known else FULL_DUPLEX_STREAMED
        shown = config.response_body_mode if known else FULL_DUPLEX_STREAMED
        self._has_body, self._duplex = not ended, mode == FULL_DUPLEX_STREAMED
        self._duplex_response = shown == FULL_DUPLEX_STREAMED
        if ended:
            self._client.body(b"", ended=True)
        elif mode == BUFFERED:
            await self._write(answers.PASS_REQUEST_HEADERS)
        elif not self._duplex:
            return "request_body_mode must be FULL_DUPLEX_STREAMED or BUFFERED"
        return ""

    async def take(self, message: Any) -> None:
        """Take what follows the headers of the request."""
        match next(field.name for field, _ in message.ListFields()):
            case "request_body":
                part = message.request_body
                ended = part.end_of_stream or not self._duplex
                self._client.body(part.body, ended=ended)
            case "request_trailers":
                self._trailers = True
                self._client.body(b"", ended=True)
                if self.placed or not self._duplex:
                    await self._write(answers.PASS_REQUEST_TRAILERS)
            case "response_headers":
                await self._write(answers.PASS_RESPONSE_HEADERS)
                self._answered(message.response_headers)
            case "response_body":
                await self._pass_on(message.response_body)
            case "response_trailers":
                await self._write(answers.PASS_RESPONSE_TRAILERS)
                self._feed(b"", ended=True)

    def _answered(self, headers: Any) -> None:
        answer = EnvoyAnswer(header_pairs(headers.headers))
        if not self._answer.done():
            self._answer.set_result(answer)
        self._feed(b"", ended=headers.end_of_stream)

    async def _pass_on(self, part: Any) -> None:
        """Let Envoy go on with a piece of the answer, and read it after that."""
        if self._duplex_response:
            await self._write(answers.response_chunk(part.body, ended=part.end_of_stream))
        else:
            await self._write(answers.PASS_RESPONSE_BODY)
        self._feed(part.body, ended=part.end_of_stream)

    def _feed(self, part: bytes, *, ended: bool) -> None:
        if self.answering:
            self._answer.result().feed(part, ended=ended)

    def closed(self) -> None:
        """Note that Envoy has ended the conversation: the client has its answer, or has gone."""
        if not self.finished:
            self._client.hang_up()

    # What the application says

    @property
    def answering(self) -> bool:
        """Whether a worker's answer has begun."""
        return self._answer.done() and not self._answer.cancelled()

    @property
    def finished(self) -> bool:
        """Whether a worker's answer has come to its end."""
        return self.answering and self._answer.result().ended

    @property
    def left_alone(self) -> bool:
        """Whether the application reads no more of an answer that may go on."""
        return self.answering and self._answer.result().closed

    async def tell(self, status: int, headers: Headers, body: bytes) -> None:
        """Let Envoy give the client an answer of the gateway's own, unless one has begun."""
        if not self.answering:
            self.told = True
            await self._write(answers.immediate(status, headers, body, "lengthwise_picker"))

    def among(self, workers: Sequence[str]) -> frozenset[str]:
        """Those of these workers that the data plane allows (``Carrier``)."""
        return allowed(self._hint, workers)

    @asynccontextmanager
    async def carry(
        self,
        worker: str,
        target: str,
        headers: CIMultiDict[str],
        body: bytes,
        priority: int | None,
    ) -> AsyncIterator[Answer]:
        """Name the worker to Envoy, once, and wait for its answer (``Carrier``)."""
        if self.placed:
            raise ExchangeEnded("Envoy has the request at another worker")
        endpoint = await destination(worker)
        self.placed = self.told = True
        extra = {answers.DESTINATION: endpoint}
        if priority is not None:
            extra[answers.PRIORITY] = str(priority)
        mutation = answers.header_changes(self._headers, headers, extra)
        await self._place(endpoint, mutation, body)
        yield await self._answer

    async def _place(self, endpoint: str, mutation: Any, body: bytes) -> None:
        changed = self._has_body and not self._duplex and body != self._client.sent
        buffered = self._has_body and not self._duplex
        replaced = body if changed else None
        await self._write(answers.placed(endpoint, mutation, buffered=buffered, body=replaced))
        if self._has_body and self._duplex:
            for part in answers.body_chunks(body, ended=not self._trailers):
                await self._write(part)
            if self._trailers:
                await self._write(answers.PASS_REQUEST_TRAILERS)
