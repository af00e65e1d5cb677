"""The shapes of the gateway's own errors."""

from __future__ import annotations

import json

import pytest

from gateway.protocol.errors import ApiError, Shape
from gateway.protocol.generating import shape_of


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (403, "invalid_request_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "server_error", "timeout_error"),
    ],
)
def test_an_error_has_the_shape_that_clients_know(status: int, openai: str, anthropic: str) -> None:
    error = ApiError(status, 'no "such" thing: é', code="why", param="model")
    fields = {"message": 'no "such" thing: é', "type": openai, "param": "model", "code": "why"}
    assert json.loads(error.body()) == json.loads(error.body(Shape.RESPONSES)) == {"error": fields}
    assert json.loads(error.body(Shape.ANTHROPIC)) == {
        "type": "error",
        "error": {"type": anthropic, "message": 'no "such" thing: é'},
    }


@pytest.mark.parametrize(
    ("shape", "begin"),
    [
        (Shape.OPENAI, b"data: {"),
        (Shape.RESPONSES, b"event: error\ndata: {"),
        (Shape.ANTHROPIC, b"event: error\ndata: {"),
    ],
)
def test_an_error_in_a_stream_is_one_event(shape: Shape, begin: bytes) -> None:
    event = ApiError(502, "two\n\nlines", code="worker_failed").event(shape)
    assert event.startswith(begin)
    assert event.endswith(b"}\n\n")
    assert event.count(b"\n") == begin.count(b"\n") + 2
    fields = json.loads(event[len(begin) - 1 :])
    assert fields["error"]["message"] == "two\n\nlines"
    assert (fields.get("type") == "error") is (shape is not Shape.OPENAI)


def test_the_error_event_of_the_responses_api_has_its_documented_fields() -> None:
    event = ApiError(502, "Broken.", code="worker_failed").event(Shape.RESPONSES)
    fields = json.loads(event.partition(b"data: ")[2])
    documented = {name: fields[name] for name in ("type", "code", "message", "param")}
    expected = {"type": "error", "code": "worker_failed", "message": "Broken.", "param": None}
    assert documented == expected
    assert isinstance(fields["sequence_number"], int)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/messages", Shape.ANTHROPIC),
        ("/v1/messages/count_tokens", Shape.ANTHROPIC),
        ("/v1/messages/", Shape.ANTHROPIC),
        ("/v1/responses", Shape.RESPONSES),
        ("/v1/responses/resp_1/cancel", Shape.RESPONSES),
        ("/v1/chat/completions", Shape.OPENAI),
        ("/v1/messagesx", Shape.OPENAI),
        ("/messages", Shape.OPENAI),
        ("/tokenize", Shape.OPENAI),
    ],
)
def test_the_path_decides_the_shape(path: str, shape: Shape) -> None:
    assert shape_of(path) is shape
