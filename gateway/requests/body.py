"""The body of a request: read within its bounds of size and time, and unpacked."""

from __future__ import annotations

import asyncio

from gateway.clients.body_bytes import Body, NoRoomError
from gateway.config.settings import Config
from gateway.protocol.content_coding import TooLongError, unpacked
from gateway.protocol.disconnect import ClientGone, Receive
from gateway.protocol.headers import Headers, header
from gateway.requests.rejections import body_timeout, body_too_large
from gateway.requests.shared_timeouts import SharedTimeouts


async def read_body(
    receive: Receive, headers: Headers, config: Config, held: Body, timeouts: SharedTimeouts
) -> tuple[Headers, bytes]:
    """The request's headers and body with its ``Content-Encoding`` undone.

    ``held`` counts its bytes as they come.

    Raises:
        ClientGone: the client hung up before the body's end.
        ApiError: the body is too long, does not fit beside the others', was not there in time, or
            is not coded as it says.
    """
    limit = config.requests.max_body_bytes
    try:
        _check_length(headers, limit, held)
        try:
            now = asyncio.get_running_loop().time()
            with timeouts.at(now + config.requests.body_timeout_s):
                body = await _whole(receive, limit, held)
        except TimeoutError:
            raise body_timeout(config) from None
        return await unpacked(headers, body, limit, held.grow)
    except TooLongError:
        raise body_too_large(config) from None
    except NoRoomError:
        raise held.full() from None


def _check_length(headers: Headers, limit: int, held: Body) -> None:
    """Refuse a body that says itself that it is too long, before any of it is read."""
    claimed = header(headers, b"content-length")
    if claimed.isdecimal():
        if int(claimed) > limit:
            raise TooLongError
        held.expect(int(claimed))


async def _whole(receive: Receive, limit: int, held: Body) -> bytes:
    parts: list[bytes] = []
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            if held.own + len(part) > limit:
                raise TooLongError
            held.grow(len(part))
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)
    finally:
        parts.clear()  # an error's trace would keep them while its answer is written
