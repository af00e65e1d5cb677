"""Chats and completions: tokens, usage, finish reasons, errors and ends of their answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.protocol.dialects.reader import AnswerReader, Usage
from gateway.protocol.generating import reader_for
from gateway.protocol.sse import Event, SseParser

DONE = b"data: [DONE]\n\n"
ROLE = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}


def event(**fields: Any) -> bytes:
    """An event as vLLM writes it: JSON without spaces."""
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"


def token(text: str = "word", finish: str | None = None, index: int = 0) -> bytes:
    choice = {"index": index, "delta": {"content": text}, "finish_reason": finish}
    return event(id="c", object="chat.completion.chunk", choices=[choice])


def usage(prompt: int, output: int) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": output}
    return event(id="c", choices=[], usage=counts)


def read(*events: bytes, sequences: int = 1) -> AnswerReader:
    reader = reader_for("chat/completions", sequences)
    for one in SseParser().feed(b"".join(events)):
        reader.read(one)
    return reader


def only_usage(sent: bytes) -> list[bool]:
    reader = reader_for("chat/completions", 1)
    return [reader.read(one) for one in SseParser().feed(sent)]


def test_events_with_text_count_as_tokens() -> None:
    role = event(**ROLE)
    sent = (role, token("a"), b": comment\n\n", token("", "stop"), usage(3, 2), DONE)
    assert read(*sent).tokens == 2


def test_the_events_of_a_completion_count_as_tokens() -> None:
    assert read(event(choices=[{"index": 0, "text": "a", "finish_reason": None}])).tokens == 1


@pytest.mark.parametrize(
    "sent",
    [
        usage(11, 4),
        usage(11, 4).replace(b'":', b'" : '),
        usage(11, 4).replace(b"data: ", b"data:"),
        usage(11, 4).replace(b",", b",\ndata: "),
        usage(11, 4).replace(b"\n", b"\r\n"),
        usage(11, 4).replace(b"data", b"id: 5\nevent: message\ndata"),
    ],
)
def test_usage_is_read_and_known_as_such_in_any_formatting(sent: bytes) -> None:
    assert only_usage(sent) == [True]
    assert read(sent).usage == Usage(11, 4)


@pytest.mark.parametrize(
    "sent",
    [
        token(),
        event(choices=[], usage=None),
        event(choices=[], usage={}),
        event(choices=[{"delta": {}}], usage={"prompt_tokens": 5, "completion_tokens": 1}),
        event(choices=[], error={"message": "no"}, usage={"completion_tokens": 1}),
        token('"usage":{"completion_tokens":5}'),
        DONE,
    ],
)
def test_what_holds_more_or_less_than_usage_is_no_usage_chunk(sent: bytes) -> None:
    assert only_usage(sent) == [False]


def test_the_last_count_beside_choices_is_the_whole_one() -> None:
    # vLLM's continuous_usage_stats
    counts = [{"prompt_tokens": 5, "completion_tokens": n} for n in (1, 2, 3)]
    reader = read(*(event(choices=[{"delta": {"content": "a"}}], usage=c) for c in counts))
    assert (reader.tokens, reader.usage.output_tokens) == (3, 3)


@pytest.mark.parametrize(
    "bad",
    [
        b'data: {"choices":[],"usage":{broken\n\n',
        b'data: {"choices":7,"usage":{"prompt_tokens":"five"}}\n\n',
        b'data: {"choices":[5],"usage":{"prompt_tokens":null,"completion_tokens":true}}\n\n',
        b'data: {"usage":{"completion_tokens":[1]}}\n\n',
        b'data: {"usage":{"completion_tokens":-1,"prompt_tokens":1e400}}\n\n',
        b'data: {"usage":{"completion_tokens":' + b"9" * 400 + b"}}\n\n",
        b'data: {"choices":[{"finish_reason":"\xff"}]}\n\n',
        b'data: {"usage":' + b"[" * 100_000 + b"\n\n",
        b"data: 1\n\n",
        b"data: {not json\n\n",
    ],
)
def test_an_event_that_makes_no_sense_costs_nothing(bad: bytes) -> None:
    assert only_usage(bad) == [False]
    assert read(bad).usage == Usage()
    assert not read(bad).ended


def test_every_reason_to_finish_is_kept() -> None:
    reader = read(token("a", "length"), token("b"), token("c", "stop", index=1))
    assert reader.usage.finish_reasons == {"length", "stop"}
    spaced = b'data: {"choices": [{"finish_reason" : "length"}]}\n\n'
    assert read(spaced).usage.finish_reasons == {"length"}


@pytest.mark.parametrize(
    ("events", "sequences", "ended"),
    [
        ([token()], 1, False),
        ([token(), DONE], 1, True),
        ([token("", "stop")], 1, True),
        ([token("", "stop")], 2, False),
        ([token("", "stop"), token("", "stop")], 2, False),
        ([token("", "stop"), token("", "length", 1)], 2, True),
        ([token("", "stop"), DONE], 2, True),
        ([usage(1, 2)], 1, False),
        ([b"data:[DONE]\n\n"], 1, True),
        ([event(error={"message": "no memory"})], 1, True),
    ],
)
def test_an_answer_ends_with_done_or_once_all_its_choices_have(
    events: list[bytes], sequences: int, ended: bool
) -> None:
    assert read(*events, sequences=sequences).ended is ended


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (event(error={"message": "no memory", "code": 500}), 500),
        (event(error={"message": "too long", "code": 400}), 400),
        (event(error={"message": "x", "type": "invalid_request_error", "code": "why"}), 400),
        (event(error="broken"), 500),
        (event(id="c", error={"message": "no memory"}, choices=[]), 500),
        (event(object="error", message="no memory", code=503), 503),
        (event(type="error"), 500),
        (b"event: error\ndata: broken\n\n", 500),
        (b'data: {"error" : {"code": 5}}\n\n', 500),
        (event(error=None, choices=[]), None),
        (token("an error"), None),
        (token('{"error":{"code":500}}'), None),
        (DONE, None),
        (b": comment\n\n", None),
    ],
)
def test_a_workers_error_is_told_from_a_token(sent: bytes, status: int | None) -> None:
    assert read(sent).error_status == status


def test_a_whole_answer_is_read() -> None:
    reader = reader_for("completions", 1)
    reader.read_whole(
        {
            "choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}],
            "usage": {"prompt_tokens": 4, "completion_tokens": 50},
        }
    )
    assert reader.usage == Usage(4, 50, {"stop", "length"})
    assert reader.error_status is None


def test_an_error_in_a_whole_answer_is_found() -> None:
    reader = reader_for("completions", 1)
    reader.read_whole({"error": {"message": "no memory", "code": 500}})
    assert reader.error_status == 500


@pytest.mark.parametrize("answer", [None, [], "text", 5, {}, {"usage": None, "choices": None}])
def test_an_answer_without_usage_costs_nothing_known(answer: object) -> None:
    for endpoint in ("chat/completions", "responses", "messages", "embeddings"):
        reader = reader_for(endpoint, 1)
        reader.read_whole(answer)
        assert reader.usage == Usage()


def test_the_tokens_of_choices_that_have_ended_are_told_apart() -> None:
    reader = reader_for("chat/completions", 3)
    token = '{"choices":[{"index":%d,"delta":{"content":"x"},"finish_reason":%s}]}'

    def read(index: int, reason: str = "null") -> None:
        reader.read(Event(b"", data=(token % (index, reason)).encode()))

    for step in range(1, 31):
        for index in range(3):
            if step <= (10, 20, 30)[index]:
                read(index, '"stop"' if step == 10 * (index + 1) else "null")
        assert reader.running == (3 if step < 10 else 2 if step < 20 else 1)
        if step < 30:
            assert reader.longest == pytest.approx(step, abs=1)
