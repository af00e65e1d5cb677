"""Answers with values of odd kinds: whatever a worker sends, no reader raises."""

from __future__ import annotations

import json

import pytest

from gateway.protocol.generating import reader_for
from gateway.protocol.sse import Event

FIELDS = (
    *("type", "object", "error", "code", "status", "usage", "choices", "delta", "message"),
    *("response", "finish_reason", "stop_reason", "incomplete_details", "index", "role"),
)


@pytest.mark.parametrize("odd", [[], ["x"], {}, {"x": 1}, True, 1.5, -1, "\ud800", None])
@pytest.mark.parametrize("endpoint", ["chat/completions", "responses", "messages", "embeddings"])
def test_a_field_of_an_odd_kind_is_no_error_of_the_gateway(endpoint: str, odd: object) -> None:
    for name in FIELDS:
        inner = {name: odd}
        for answer in (
            inner,
            {"error": inner},
            {"choices": [inner], "role": 1},
            {"response": inner, "type": "response.completed"},
            {"message": inner, "delta": inner},
            {"status": "incomplete", "incomplete_details": inner},
        ):
            reader = reader_for(endpoint, 1)
            reader.read(Event(b"", b"", json.dumps(answer).encode()))
            reader.read_whole(answer)
            assert reader.tokens <= 1


@pytest.mark.parametrize(
    ("endpoint", "name", "data", "progress"),
    [
        ("embeddings", "", "12 % done", True),
        ("embeddings", "", '{"x": 1}', True),
        ("embeddings", "", "", False),
        ("chat/completions", "", "hello", True),
        ("chat/completions", "", '{"kind": "step"}', True),
        ("chat/completions", "", '{"choices": [{"delta": {"role": "assistant"}}]}', False),
        ("chat/completions", "", '{"usage": {"prompt_tokens": 1}}', False),
        ("responses", "", '{"type": "response.web_search_call.searching"}', True),
        ("responses", "", '{"type": "response.in_progress"}', False),
        ("responses", "response.created", "{}", False),
        ("messages", "", '{"type": "content_block_refined"}', True),
        ("messages", "", '{"type": "message_start"}', False),
        ("messages", "ping", '{"type": "ping"}', False),
    ],
)
def test_an_event_of_no_known_kind_is_progress(
    endpoint: str, name: str, data: str, progress: bool
) -> None:
    reader = reader_for(endpoint, 1)
    reader.read(Event(b"", name.encode(), data.encode()))
    assert (reader.progress > 0) is progress
    assert reader.tokens == 0 or endpoint == "embeddings"
