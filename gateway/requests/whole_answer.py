"""Answers that are not streamed: read up to a bound, and read for what they tell."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor

import aiohttp

from gateway.clients.held_answers import ComingAnswer
from gateway.config.settings import Requests
from gateway.protocol.collection import no_collection
from gateway.protocol.content_coding import TooLongError, unpacked
from gateway.protocol.dialects.reader import AnswerReader
from gateway.protocol.errors import ApiError
from gateway.protocol.headers import returned
from gateway.protocol.json_body import as_utf8
from gateway.protocol.json_pieces import loads_in_pieces
from gateway.protocol.reply import Reply
from gateway.requests.reading import let_go
from gateway.requests.time_limits import TimeLimits
from gateway.workers.answer import Answer

log = logging.getLogger("lengthwise")

HELD_BYTES = 2**20
"""Bytes of an answer without generated text that are held: beyond, the answer passes in parts. So
many bytes of any answer are not counted while they come, since that does not last long."""

AT_ONCE_BYTES = 2**18
"""Bytes of an answer that are read in the event loop: some 8 ms. With ``logprobs`` and several
sequences an answer may have megabytes, whose values would stop all streams for a second."""

_THREAD = ThreadPoolExecutor(1, "answers")


async def read_up_to(response: Answer, most: int, coming: ComingAnswer) -> tuple[bytes, bool]:
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


async def pass_in_parts(response: Answer, begun: bytes, reply: Reply, limits: TimeLimits) -> None:
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
    response: Answer,
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
        is_object = await _read_json(reader, answer)
    except (ValueError, RecursionError):
        if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            raise aiohttp.ClientPayloadError("the connection closed in mid-answer") from None
        log.warning("request %s: the answer is not JSON", request_id)
        return False
    return is_object and (reader.error_status or 200) < 500


async def _read_json(reader: AnswerReader, answer: bytes) -> bool:
    """Read an answer of JSON, a large one beside the event loop; returns whether it is an object.

    Raises:
        ValueError, RecursionError: the answer is not JSON.
    """
    if len(answer) <= AT_ONCE_BYTES:
        found = json.loads(answer)
        reader.read_whole(found)
        return isinstance(found, dict)
    return await asyncio.get_running_loop().run_in_executor(_THREAD, _read_large, reader, answer)


def _read_large(reader: AnswerReader, answer: bytes) -> bool:
    with no_collection():
        found, _ = loads_in_pieces(as_utf8(answer), len(answer))
        reader.read_whole(found)
        is_object = isinstance(found, dict)
        let_go(found)
        return is_object
