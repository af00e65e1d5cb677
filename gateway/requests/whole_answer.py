"""Answers that are not streamed: read up to a bound, and read for what they tell."""

from __future__ import annotations

import asyncio
import json
import logging

import aiohttp

from gateway.clients.held_answers import ComingAnswer
from gateway.config.settings import Requests
from gateway.protocol.content_coding import TooLongError, unpacked
from gateway.protocol.dialects.reader import AnswerReader
from gateway.protocol.errors import ApiError
from gateway.protocol.headers import returned
from gateway.protocol.reply import Reply
from gateway.requests.time_limits import TimeLimits

log = logging.getLogger("lengthwise")

HELD_BYTES = 2**20
"""Bytes of an answer without generated text that are held: beyond, the answer passes in parts. So
many bytes of any answer are not counted while they come, since that does not last long."""


async def read_up_to(
    response: aiohttp.ClientResponse, most: int, coming: ComingAnswer
) -> tuple[bytes, bool]:
    """The answer's bytes, and whether they are all: reading stops with more than ``most``.

    Raises:
        FAILURES: the answer broke off.
        ApiError: the answer does not fit beside the others in memory.
    """
    coming.end()
    body = bytearray()
    async for part in response.content.iter_any():
        if not body and response.content.at_eof():  # as usual: no copy
            return part, len(part) <= most
        body += part
        if len(body) > HELD_BYTES and not coming.fits(len(body)):
            response.close()
            raise coming.full()
        if len(body) > most:
            return bytes(body), False
    return bytes(body), True


def answer_too_large(bounds: Requests) -> ApiError:
    """The error for an answer that is too long to be held."""
    return ApiError(
        502,
        f"The worker's answer has more than {bounds.max_answer_bytes} bytes "
        "(requests.max_answer_bytes). Ask for a stream or for less, or raise the setting.",
        code="answer_too_large",
    )


async def pass_in_parts(
    response: aiohttp.ClientResponse, begun: bytes, reply: Reply, limits: TimeLimits
) -> None:
    """Pass on an answer that is too long to be held, and that nothing needs to be read of.

    Raises:
        FAILURES: the answer broke off, and so does the client's.
    """
    loop = asyncio.get_running_loop()
    reply.answering = reply.in_parts = True
    await reply.start(response.status, returned(response.raw_headers))
    parts = response.content.iter_any()
    part: bytes | None = begun
    while part is not None:
        limits.pause()
        await reply.write(part)
        limits.go_on(loop.time())
        part = await anext(parts, None)
    await reply.finish()


async def read_whole(
    reader: AnswerReader,
    response: aiohttp.ClientResponse,
    answer: bytes,
    request_id: str,
    most: int,
) -> bool:
    """Read an answer of status 200; returns whether it is one: no page, no garbage, no failure.

    An answer in a coding that is unknown here, or of more than ``most`` bytes when unpacked, is
    taken for one: the client may know it.

    Raises:
        FAILURES: the answer ended early, where only its text can tell.
    """
    headers = response.headers
    if coding := headers.get("Content-Encoding"):  # unasked
        try:
            _, answer = await unpacked([(b"content-encoding", coding.encode())], answer, most)
        except TooLongError:
            return True
        except ApiError as error:
            return error.status == 415
    if response.content_type != "application/json":
        return False
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            raise aiohttp.ClientPayloadError("the connection closed in mid-answer") from None
        log.warning("request %s: the answer is not JSON", request_id)
        return False
    reader.read_whole(found)
    return isinstance(found, dict) and (reader.error_status or 200) < 500
