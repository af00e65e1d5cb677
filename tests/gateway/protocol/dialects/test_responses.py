"""The Responses API: tokens, usage, finish reasons, errors and ends of its answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.protocol.dialects.reader import AnswerReader, Usage
from gateway.protocol.generating import reader_for
from gateway.protocol.sse import SseParser

COUNTS = {"input_tokens": 5, "output_tokens": 7}
DELTA: dict[str, Any] = {"type": "response.output_text.delta", "delta": "word"}


def event(*, named: bool = True, **fields: Any) -> bytes:
    name = b"event: " + fields["type"].encode() + b"\n" if named else b""
    return name + b"data: " + json.dumps(fields).encode() + b"\n\n"


def end(status: str, **fields: Any) -> bytes:
    response = {"status": status, "error": None, "usage": COUNTS, **fields}
    return event(type=f"response.{status}", response=response)


def read(*events: bytes, limit: int = 10_000) -> AnswerReader:
    reader = reader_for("responses", 1)
    parser = SseParser(limit)
    for part in b"".join(events).splitlines(keepends=True):
        for one in parser.feed(part):
            assert not reader.read(one), "usage is never alone"
    return reader


@pytest.mark.parametrize("named", [True, False])
def test_deltas_count_as_tokens(named: bool) -> None:
    created = event(type="response.created", response={"status": "in_progress", "usage": None})
    reader = read(created, event(named=named, **DELTA), event(named=named, **DELTA))
    assert (reader.tokens, reader.ended, reader.usage) == (2, False, Usage())


LENGTH = {"incomplete_details": {"reason": "max_output_tokens"}}
FILTER = {"incomplete_details": {"reason": "content_filter"}}


@pytest.mark.parametrize(
    ("last", "reasons", "error"),
    [
        (end("completed"), {"stop"}, None),
        (end("incomplete", **LENGTH), {"length"}, None),
        (end("incomplete", **FILTER), {"content_filter"}, None),
        (end("incomplete"), {"length"}, None),
        (end("cancelled"), {"abort"}, None),
        (end("failed", error={"code": "server_error", "message": "x"}), set(), 500),
        # Some servers name the event of every end completed.
        (
            event(
                type="response.completed",
                response={"status": "incomplete", "usage": COUNTS, **LENGTH},
            ),
            {"length"},
            None,
        ),
    ],
)
def test_the_last_event_says_how_the_answer_ended(
    last: bytes, reasons: set[str], error: int | None
) -> None:
    reader = read(event(**DELTA), last)
    assert reader.ended
    assert reader.usage == Usage(5, 7, reasons)
    assert reader.error_status == error


def test_an_end_too_long_to_be_read_is_an_end() -> None:
    assert read(end("completed", output="x" * 1000), limit=100).ended
    assert read(end("failed", output="x" * 1000), limit=100).error_status == 500


@pytest.mark.parametrize(
    "sent",
    [
        event(type="error", code="server_error", message="x", param=None, sequence_number=3),
        event(type="error", error={"message": "x"}),
        b'data: {"error": {"message": "x"}}\n\n',
    ],
)
def test_an_error_is_found(sent: bytes) -> None:
    assert read(sent).error_status == 500


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        ({"status": "completed"}, {"stop"}),
        ({"status": "incomplete", **LENGTH}, {"length"}),
        ({"status": "queued", "usage": None}, set()),
    ],
)
def test_a_whole_answer_is_read(answer: dict[str, Any], reasons: set[str]) -> None:
    reader = reader_for("responses", 1)
    reader.read_whole({"error": None, "incomplete_details": None, "usage": COUNTS} | answer)
    assert reader.usage.finish_reasons == reasons
    assert reader.error_status is None


def test_a_failed_response_is_an_error() -> None:
    reader = reader_for("responses", 1)
    reader.read_whole({"status": "failed", "error": {"code": "server_error", "message": "x"}})
    assert reader.error_status == 500
