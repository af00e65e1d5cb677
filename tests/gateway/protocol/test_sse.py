"""A worker's stream of events: cut, counted and read, however the network cuts it."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.sse import EventStream, Usage, is_error

DONE = b"data: [DONE]\n\n"


def chunk(**fields: object) -> bytes:
    """An event as vLLM writes it: JSON without spaces."""
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"


def token(text: str = "word", finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return chunk(id="c", object="chat.completion.chunk", choices=[choice])


def usage(prompt: int, output: int, **others: object) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": output, **others}
    return chunk(id="c", choices=[], usage=counts)


EVENTS = st.lists(
    st.builds(token, st.text(), st.sampled_from([None, "stop", "length"]))
    | st.builds(usage, st.integers(0, 10**6), st.integers(0, 10**6))
    | st.sampled_from(
        [
            DONE,
            b": keep-alive\n\n",
            b"data: {not json\n\n",
            b"event: ping\ndata: 1\n\n",
            chunk(error={"message": "broken", "code": 500}),
            token('a data: {"usage":{ that is text'),
        ]
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(
    events=EVENTS,
    end=st.sampled_from([b"", b"\n", b"data: {", b'data: {"choices":[]}']),
    cuts=st.lists(st.integers(0, 5000), max_size=20),
    hide_usage=st.booleans(),
)
def test_where_the_network_cuts_a_stream_makes_no_difference(
    events: list[bytes], end: bytes, cuts: list[int], hide_usage: bool
) -> None:
    sent = b"".join(events) + end
    whole = EventStream(hide_usage=hide_usage)
    at_once = list(whole.feed(sent))
    edges = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    parts = [sent[a:b] for a, b in pairwise(edges)]
    stream = EventStream(hide_usage=hide_usage)
    in_parts = [event for part in parts for event in stream.feed(part)]
    assert in_parts == at_once
    assert stream == whole
    assert whole.rest == end
    shown = [event for event in events if not (hide_usage and b'"choices":[],"usage"' in event)]
    assert at_once == shown


def test_an_event_is_given_out_as_soon_as_it_is_whole() -> None:
    stream = EventStream(hide_usage=True)
    first, second = token("a"), token("b")
    assert list(stream.feed(first[:-1])) == []
    assert list(stream.feed(first[-1:] + second[:9])) == [first]
    assert list(stream.feed(second[9:])) == [second]


def test_events_of_tokens_are_counted() -> None:
    stream = EventStream(hide_usage=True)
    list(stream.feed(token("a") + token("b") + b": comment\n\n" + usage(3, 2) + DONE))
    assert stream.tokens == 2


def test_a_stream_has_failed_once_an_event_was_an_error() -> None:
    stream = EventStream(hide_usage=True)
    list(stream.feed(token("an error") + token('{"error"')))
    assert not stream.failed
    list(stream.feed(chunk(error={"message": "no memory", "code": 500}) + token() + DONE))
    assert stream.failed


def test_usage_is_read_and_hidden_from_a_client_that_did_not_ask() -> None:
    stream = EventStream(hide_usage=True)
    assert list(stream.feed(token() + usage(11, 1) + DONE)) == [token(), DONE]
    assert (stream.usage.prompt_tokens, stream.usage.output_tokens) == (11, 1)


def test_usage_is_read_and_shown_to_a_client_that_asked() -> None:
    stream = EventStream(hide_usage=False)
    assert list(stream.feed(token() + usage(11, 1))) == [token(), usage(11, 1)]
    assert (stream.usage.prompt_tokens, stream.usage.output_tokens) == (11, 1)


def test_usage_beside_a_choice_is_read_and_never_hidden() -> None:
    # vLLM's continuous_usage_stats: the last count is the whole one.
    stream = EventStream(hide_usage=True)
    events = [
        chunk(choices=[{"delta": {}}], usage={"prompt_tokens": 5, "completion_tokens": n})
        for n in (1, 2, 3)
    ]
    assert list(stream.feed(b"".join(events))) == events
    assert (stream.tokens, stream.usage.output_tokens) == (3, 3)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_usage_is_found_in_either_way_of_writing_json(separators: tuple[str, str]) -> None:
    body = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6}}
    event = b"data: " + json.dumps(body, separators=separators).encode() + b"\n\n"
    stream = EventStream(hide_usage=True)
    assert list(stream.feed(event)) == []
    assert stream.usage.output_tokens == 6


def test_an_empty_chunk_without_usage_is_passed_on() -> None:
    stream = EventStream(hide_usage=True)
    event = chunk(choices=[], usage=None)
    assert list(stream.feed(event)) == [event]


def test_every_reason_to_finish_is_kept() -> None:
    stream = EventStream(hide_usage=True)
    list(stream.feed(token("a", finish="length") + token("b") + token("c", finish="stop")))
    assert stream.usage.finish_reasons == {"length", "stop"}


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[],"usage":{broken\n\n',
        b'data: {"choices":7,"usage":{"prompt_tokens":"five"}}\n\n',
        b'data: {"choices":[5],"usage":{"prompt_tokens":null}}\n\n',
        b'data: {"usage":{"completion_tokens":[1]}}\n\n',
        b'data: {"choices":[{"finish_reason":"\xff"}]}\n\n',
    ],
)
def test_an_event_that_makes_no_sense_is_passed_on(event: bytes) -> None:
    stream = EventStream(hide_usage=True)
    assert list(stream.feed(event)) == [event]
    assert stream.usage.output_tokens == 0


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (chunk(error={"message": "no memory", "code": 500}), True),
        (chunk(object="error", message="no memory"), True),
        (token("an error"), False),
        (token('{"error"'), False),
        (DONE, False),
        (b": comment\n\n", False),
    ],
)
def test_a_workers_error_is_told_from_a_token(event: bytes, error: bool) -> None:
    assert is_error(event) is error


def test_a_gateways_reader_of_whole_answers_takes_usage_and_reasons() -> None:
    taken = Usage()
    taken.read(
        {
            "choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}],
            "usage": {"prompt_tokens": 4, "completion_tokens": 50},
        }
    )
    assert taken == Usage(4, 50, {"stop", "length"})


def test_usage_is_read_under_the_names_of_responses_and_messages() -> None:
    taken = Usage()
    taken.read({"usage": {"input_tokens": 4, "output_tokens": 50}})
    assert taken == Usage(4, 50)


@pytest.mark.parametrize("answer", [None, [], "text", 5, {}, {"usage": None, "choices": None}])
def test_an_answer_without_usage_costs_nothing_known(answer: object) -> None:
    taken = Usage()
    taken.read(answer)
    assert taken == Usage()


def test_named_events_are_counted_and_read() -> None:
    stream = EventStream(hide_usage=True)
    event = (
        b'event: message_delta\ndata: {"type":"message_delta","delta":{},'
        b'"usage":{"input_tokens":5,"output_tokens":7}}\n\n'
    )
    assert list(stream.feed(event)) == [event]
    assert (stream.tokens, stream.usage.output_tokens) == (1, 7)


def test_events_may_end_with_carriage_returns() -> None:
    stream = EventStream(hide_usage=True)
    first, second = b'data: {"choices":[{}]}\r\n\r\n', b"data: [DONE]\r\n\r\n"
    out = [list(stream.feed(bytes([byte]))) for byte in first + second]
    assert [event for events in out for event in events] == [first, second]
    assert stream.tokens == 1


def test_finish_reasons_are_found_in_spaced_json() -> None:
    stream = EventStream(hide_usage=True)
    list(stream.feed(b'data: {"choices": [{"finish_reason": "length"}]}\n\n'))
    assert stream.usage.finish_reasons == {"length"}


def test_the_usage_of_a_responses_stream_is_found() -> None:
    stream = EventStream(hide_usage=True)
    usage = b'"usage":{"input_tokens":5,"output_tokens":7}'
    event = (
        b'event: response.completed\ndata: {"type":"response.completed","response":{'
        + usage
        + b"}}\n\n"
    )
    assert list(stream.feed(event)) == [event]
    assert stream.usage.output_tokens == 7
