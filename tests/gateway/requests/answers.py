"""Answers of scripted workers, and what is learned of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from predictor.served_log import read as read_log
from tests.gateway.harness import Gateway, chat
from tests.gateway.scripted import STREAM_HEAD, Script, answer, chunked

STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
LENGTH = STOP.replace(b"stop", b"length")
USAGE = b'data: {"choices":[], "usage" : {"prompt_tokens":3,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error": {"message": "CUDA"}}\n\n'
DELTA = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta"}\n\n'
TEXT = b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{}}\n\n'


def responses_end(status: str, reason: str | None = None) -> bytes:
    details = {"reason": reason} if reason else None
    usage = {"input_tokens": 3, "output_tokens": 2}
    response = {"status": status, "incomplete_details": details, "usage": usage}
    kind = f"response.{status}"
    event = json.dumps({"type": kind, "response": response})
    return f"event: {kind}\ndata: {event}\n\n".encode()


def messages_end(reason: str) -> bytes:
    usage = b'"usage":{"input_tokens":3,"output_tokens":2}'
    head = (
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"%b"},%b}\n\n'
    )
    return (
        head % (reason.encode(), usage) + b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )


def streams(*events: bytes, ends: bool = True) -> Script:
    """A stream of these events; the HTTP body ``ends``, or the connection breaks."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"".join(chunked(event) for event in events)
        writer.write(STREAM_HEAD + body + b"0\r\n\r\n" * ends)
        await writer.drain()

    return script


def whole(body: bytes, head: bytes = b"") -> Script:
    """An answer that is not streamed; with ``head`` instead of right headers."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head + body if head else answer(body))

    return script


async def ask(
    session: aiohttp.ClientSession, running: Gateway, path: str = "chat/completions", **fields: Any
) -> tuple[int, bytes]:
    """Status and body of an answer."""
    async with session.post(f"{running.url}/v1/{path}", json=chat(**fields)) as response:
        return response.status, await response.read()


def learned(folder: Path) -> tuple[int, str, bool]:
    """Tokens, finish reason and whether cut, of the only request."""
    (record,) = read_log(folder / "served").to_pylist()
    return record["output_tokens"], record["finish_reason"], record["censored"]
