"""Anthropic's Messages API: tokens, usage, stop reasons, errors and ends of its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.protocol.dialects.reader import AnswerReader, Usage
from gateway.protocol.generating import reader_for
from gateway.protocol.sse import SseParser


def event(kind: str, *, named: bool = True, **fields: Any) -> bytes:
    name = b"event: " + kind.encode() + b"\n" if named else b""
    return name + b"data: " + json.dumps({"type": kind, **fields}).encode() + b"\n\n"


def start(input_tokens: int) -> bytes:
    counts = {"input_tokens": input_tokens, "output_tokens": 0}
    return event("message_start", message={"stop_reason": None, "usage": counts})


TEXT = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "word"})
STOP = event("message_stop")


def delta(reason: str | None, **counts: int) -> bytes:
    return event("message_delta", delta={"stop_reason": reason}, usage=counts)


def read(*events: bytes) -> AnswerReader:
    reader = reader_for("messages", 1)
    for one in SseParser().feed(b"".join(events)):
        assert not reader.read(one), "usage is never alone"
    return reader


def test_deltas_count_as_tokens_and_pings_do_not() -> None:
    unnamed = event("content_block_delta", named=False, delta={"text": "word"})
    reader = read(start(5), event("content_block_start", index=0), TEXT, event("ping"), unnamed)
    assert (reader.tokens, reader.ended) == (2, False)


def test_usage_is_gathered_from_the_first_and_the_last_event() -> None:
    answer = read(start(5), TEXT, delta("end_turn", output_tokens=9), STOP)
    assert answer.usage == Usage(5, 9, {"stop"})
    late = read(start(0), delta("end_turn", input_tokens=6, output_tokens=9))
    assert late.usage == Usage(6, 9, {"stop"})


def test_cached_input_is_a_part_of_the_prompt() -> None:
    counts = {"input_tokens": 0, "cache_read_input_tokens": 64, "cache_creation_input_tokens": 16}
    reader = read(event("message_start", message={"usage": counts}), delta(None, output_tokens=2))
    assert (reader.usage.prompt_tokens, reader.usage.output_tokens) == (80, 2)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "pause_turn"),
    ],
)
def test_stop_reasons_become_finish_reasons(reason: str, finish: str) -> None:
    assert read(delta(reason, output_tokens=1)).usage.finish_reasons == {finish}
    whole = reader_for("messages", 1)
    whole.read_whole({"type": "message", "stop_reason": reason, "usage": {"output_tokens": 3}})
    assert whole.usage == Usage(0, 3, {finish})


@pytest.mark.parametrize("last", [STOP, delta("end_turn"), b"data: [DONE]\n\n"])
def test_a_message_ends_with_its_stop(last: bytes) -> None:
    assert not read(start(5), TEXT, delta(None, output_tokens=1)).ended
    assert read(start(5), TEXT, last).ended


def test_an_error_is_found() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "x"})
    assert (read(start(5), error).error_status, read(start(5), error).ended) == (500, True)
    wrong = event("error", error={"type": "invalid_request_error", "message": "x"})
    assert read(wrong).error_status == 400
