"""What an answer tells its client: ok, one outcome, a few that look alike, or no end."""

import json

import pytest

from gateway.protocol.errors import ApiError, Shape
from tests.chaos.answers import (
    LAST_EVENTS,
    NoEnd,
    codes_by_status,
    output_tokens,
    possible_outcomes,
)

FULL = ApiError(429, "full", code="queue_full")
CHAT = "chat/completions"


def test_the_codes_of_a_status_are_those_of_the_readme() -> None:
    assert {"queue_full", "tenant_queue_full", "worker_4xx"} <= codes_by_status()[429]
    assert codes_by_status()[413] == {"body_too_large", "worker_4xx"}


def test_an_error_of_openais_shape_names_its_outcome() -> None:
    assert possible_outcomes(CHAT, 429, FULL.body(), stream=False) == {"queue_full"}


def test_an_error_of_anthropics_shape_is_one_of_its_status() -> None:
    body = FULL.body(Shape.ANTHROPIC)
    assert possible_outcomes("messages", 429, body, stream=False) == codes_by_status()[429]


def test_an_error_of_a_worker_is_known_by_its_number() -> None:
    body = json.dumps({"error": {"message": "busy", "code": 503}}).encode()
    assert possible_outcomes(CHAT, 503, body, stream=False) == {"worker_5xx"}


@pytest.mark.parametrize("endpoint", LAST_EVENTS)
def test_a_stream_is_ok_only_with_its_last_event(endpoint: str) -> None:
    begun = b'data: {"choices": []}\n\n'
    whole = begun + LAST_EVENTS[endpoint][0] + b"\n\n"
    assert possible_outcomes(endpoint, 200, whole, stream=True) == {"ok"}
    with pytest.raises(NoEnd):
        possible_outcomes(endpoint, 200, begun, stream=True)


@pytest.mark.parametrize("shape", Shape)
def test_a_stream_may_end_with_an_error(shape: Shape) -> None:
    failed = ApiError(502, "gone", code="worker_failed")
    body = b'data: {"choices": []}\n\n' + failed.event(shape)
    assert "worker_failed" in possible_outcomes(CHAT, 200, body, stream=True)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"detail": "?"}'])
def test_an_error_without_a_reason_is_no_end(body: bytes) -> None:
    with pytest.raises(NoEnd):
        possible_outcomes(CHAT, 500, body, stream=False)


def test_the_last_count_of_tokens_is_the_answers() -> None:
    assert output_tokens(b'{"completion_tokens":3} {"completion_tokens": 7}') == 7
    assert output_tokens(b'{"usage": {"output_tokens": 5}}') == 5
    assert output_tokens(b"{}") is None
