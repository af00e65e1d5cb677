"""The client's side of a connection, as ASGI messages."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.protocol.errors import ApiError, Shape
from gateway.protocol.reply import Reply


class Client:
    """Collects what a client is sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.reply = Reply(self.send, "the-id")

    async def send(self, message: dict[str, object]) -> None:
        self.messages.append(message)

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])


@pytest.fixture
def client() -> Client:
    return Client()


async def test_every_answer_bears_the_requests_id(client: Client) -> None:
    await client.reply.whole(200, [(b"content-type", b"application/json")], b"{}")
    assert client.headers[b"x-request-id"] == b"the-id"
    assert client.headers[b"content-length"] == b"2"
    assert (client.body, client.reply.complete) == (b"{}", True)


@pytest.mark.parametrize(("retry_after", "shown"), [(7, b"7"), (None, None)])
async def test_an_error_says_when_to_come_back_if_it_knows(
    client: Client, retry_after: int | None, shown: bytes | None
) -> None:
    await client.reply.error(ApiError(503, "Busy.", code="busy", retry_after=retry_after))
    assert client.messages[0]["status"] == 503
    assert client.headers.get(b"retry-after") == shown
    assert b'"code": "busy"' in client.body


async def test_an_error_after_the_first_byte_is_the_last_event_of_the_stream(
    client: Client,
) -> None:
    await client.reply.start(200, [])
    await client.reply.write(b"data: 1\n\n")
    await client.reply.error(ApiError(502, "Broken.", code="worker_failed"))
    assert [message["type"] for message in client.messages].count("http.response.start") == 1
    assert client.body.startswith(b'data: 1\n\ndata: {"error": ')
    assert client.body.endswith(b"\n\n")
    assert client.messages[-1]["more_body"] is False


async def test_an_error_has_the_shape_of_the_api_asked(client: Client) -> None:
    client.reply.shape = Shape.ANTHROPIC
    await client.reply.error(ApiError(503, "Busy.", code="busy"))
    assert client.body.startswith(b'{"type": "error", "error": {"type": "overloaded_error"')


async def test_an_error_after_the_first_byte_has_the_shape_of_the_api_asked(
    client: Client,
) -> None:
    client.reply.shape = Shape.ANTHROPIC
    await client.reply.start(200, [])
    await client.reply.error(ApiError(502, "Broken.", code="worker_failed"))
    assert client.body.startswith(b'event: error\ndata: {"type": "error", "error": {"type": ')
