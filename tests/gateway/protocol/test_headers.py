"""Which headers pass the gateway in either direction."""

from __future__ import annotations

import pytest

from gateway.protocol.headers import forwarded, header, returned, without_buffering

CLIENT = {"authorization": "Bearer k", "x-session-id": "s", "content-type": "application/json"}


def sent(**headers: str) -> dict[str, str]:
    """The headers that a worker gets, names in lower case."""
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {name.lower(): value for name, value in forwarded(pairs, "the-id").items()}


def test_a_workers_headers_are_the_clients_and_the_gateways_own() -> None:
    own = {"accept-encoding": "identity", "x-request-id": "the-id"}
    assert sent(**CLIENT) == CLIENT | own


@pytest.mark.parametrize(
    "name", ["x-vllm-priority", "X-VLLM-Priority", "expect", "host", "content-length", "connection"]
)
def test_a_header_that_the_gateway_decides_does_not_reach_the_worker(name: str) -> None:
    assert name.lower() not in sent(**{name: "1"})


@pytest.mark.parametrize(
    ("name", "value"), [("x-request-id", "the-id"), ("accept-encoding", "identity")]
)
def test_the_gateways_value_takes_the_place_of_the_clients(name: str, value: str) -> None:
    assert sent(**{name: "from the client"})[name] == value


def test_a_client_gets_the_workers_headers_but_those_of_the_connection() -> None:
    kept = [(b"Content-Type", b"application/json"), (b"X-Worker", b"7")]
    dropped = [(b"Server", b"uvicorn"), (b"Date", b"today"), (b"X-Request-Id", b"the worker's")]
    dropped += [(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")]
    assert returned(kept + dropped) == kept


def test_a_stream_is_buffered_nowhere() -> None:
    given = [(b"Content-Type", b"text/event-stream"), (b"Cache-Control", b"private")]
    assert without_buffering(given) == [
        (b"Content-Type", b"text/event-stream"),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
    ]


def test_the_first_of_two_headers_of_one_name_counts() -> None:
    headers = [(b"a", b"1"), (b"a", b"2")]
    assert (header(headers, b"a"), header(headers, b"b")) == ("1", "")
