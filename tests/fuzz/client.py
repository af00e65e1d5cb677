"""A client that sends bytes as they are and reads all that comes back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

PATIENCE_S = 60.0
"""Seconds after which a connection without an end counts as hung."""

KNOWN_5XX = frozenset(
    ("worker_failed", "no_healthy_worker", "queue_timeout", "request_timeout", "not_found")
)
"""Codes of the gateway's own answers with a status of 500 or more that have a reason."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one connection ended."""

    statuses: tuple[int, ...]
    """Statuses of the answers; empty where the connection was closed without one."""
    fault: str = ""
    """What no client should see; "" for nothing."""


async def send(port: int, data: bytes) -> Outcome:
    """Send one request's bytes, end the sending half, and read to the end."""
    exchange = asyncio.create_task(_exchanged(port, data))
    for _ in range(int(PATIENCE_S)):  # time in which this process did not run does not count
        done, _ = await asyncio.wait({exchange}, timeout=1.0)
        if done:
            break
    else:
        exchange.cancel()
        await asyncio.gather(exchange, return_exceptions=True)
        return Outcome((), f"no end within {PATIENCE_S:g} s")
    try:
        return _judged(exchange.result())
    except OSError as error:  # the gateway is gone
        return Outcome((), f"no connection: {error}")


async def _exchanged(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    got = bytearray()

    async def read() -> None:
        while part := await reader.read(65_536):
            got.extend(part)

    reading = asyncio.create_task(read())
    try:
        writer.write(data)
        await writer.drain()
        # A request that is cut short waits for its rest, and a kept connection for the next one.
        done, _ = await asyncio.wait({reading}, timeout=15.0 if b"\r\n\r\n" in data else 1.0)
        if not done:
            writer.write_eof()
        await reading
    except OSError:  # closed while sending: refused
        await asyncio.wait({reading}, timeout=5.0)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.close()
    return bytes(got)


def _judged(got: bytes) -> Outcome:
    statuses = []
    for part in got.split(b"HTTP/1.1 ")[1:]:
        if part[:3].isdigit():
            statuses.append(int(part[:3]))
        if part[:1] == b"5" and (fault := _fault(part)):
            return Outcome(tuple(statuses), fault)
    return Outcome(tuple(statuses), "internal_error" if b"internal_error" in got else "")


def _fault(answer: bytes) -> str:
    """Why an answer with a status from 500 on is a fault; "" if it has a reason."""
    status, body = answer[:3].decode(), answer.partition(b"\r\n\r\n")[2]
    if status in {"502", "503", "504"}:
        return ""
    try:
        error = json.loads(body)["error"]
        code = error.get("code") or error["type"]
    except (ValueError, KeyError, TypeError, AttributeError):
        code = "no JSON"
    return "" if code in KNOWN_5XX else f"{status} {code}: {body[:200]!r}"
