"""Refusals: how an attempt at a worker fails, and the answers by which workers refuse."""

from __future__ import annotations

import asyncio

from gateway.protocol.dialects.reader import parsed
from gateway.protocol.errors import ApiError
from gateway.workers.answer import Answer
from gateway.workers.cooldown import retry_after
from gateway.workers.failures import FAILURES
from gateway.workers.member import Member

READ_S = 3.0
"""Seconds within which the body of a refusal must come: another worker may be tried after it."""

MOST_BYTES = 100_000
"""Bytes of the longest body of a refusal that is passed on."""

LONGEST_MESSAGE = 1000
"""Bytes of an answer in no known shape that are told as an error."""


class WorkerFailed(Exception):
    """The worker failed before the first byte of the answer had reached the client.

    ``error``: what the client is told if no other worker does better; None: the usual. ``moved``:
    the worker took the request while it was well, and lost it together with others. ``lasting``:
    the same worker does no better, so that only another one is tried.
    """

    def __init__(
        self, error: ApiError | None = None, *, moved: bool = False, lasting: bool = False
    ) -> None:
        super().__init__()
        self.error = error
        self.moved, self.lasting = moved, lasting


class WorkerErrorRelayed(Exception):
    """The worker answered with an error of its own, which has gone to the client."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class WorkerRefused(Exception):
    """The worker answered that it is busy, or with a server error. The client has none of it.

    ``body`` is None if it did not come within ``READ_S`` and ``MOST_BYTES``. ``error_status``: of
    an error in an answer of status 200.
    """

    def __init__(
        self,
        member: Member,
        response: Answer,
        body: bytes | None,
        error_status: int | None = None,
    ) -> None:
        super().__init__(response.status)
        self.status = error_status or response.status
        self.member = member
        self.response = response
        self.body = body


async def read_refusal(response: Answer) -> bytes | None:
    """The body of a refusal; None if it is too long, too slow or broken off."""
    body = bytearray()
    try:
        async with asyncio.timeout(READ_S):
            async for part in response.content.iter_any():
                body += part
                if len(body) > MOST_BYTES:
                    break
            else:
                return bytes(body)
    except FAILURES:  # a TimeoutError is one
        pass
    response.close()
    return None


def cut_refusal(response: Answer) -> ApiError:
    """The gateway's error for a refusal whose body did not come."""
    status = response.status
    asked = retry_after(response.headers.get("Retry-After"))
    return ApiError(
        status,
        f"The worker answered {status}, and its text did not come in time or is too long. Send the "
        "request again later.",
        code=_code(status),
        retry_after=None if asked is None else max(1, round(asked)),
    )


def told_in_stream(response: Answer, answer: bytes) -> ApiError:
    """A worker's whole answer as the error that ends a stream, which has begun with status 200.

    The text tells the worker's ``Retry-After``, since the headers have gone.
    """
    status = response.status if response.status >= 400 else 502
    text = answer[:LONGEST_MESSAGE].decode(errors="replace")
    fields = (parsed(answer) or {}).get("error", {})
    if isinstance(fields, dict) and isinstance(fields.get("message"), str):
        text = fields["message"]
    asked = retry_after(response.headers.get("Retry-After"))
    if asked is not None:
        text += f" (Retry-After: {max(1, round(asked))} s)"
    return ApiError(status, text, code=_code(status))


def _code(status: int) -> str:
    return "worker_4xx" if status < 500 else "worker_5xx"
