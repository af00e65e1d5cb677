"""A worker's stream on its way to the client: not a byte more, not a byte less."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.event_stream import EventStream
from gateway.protocol.generating import reader_for
from tests.gateway.protocol.dialects.test_choices import DONE, event, token, usage

EVENTS = st.lists(
    st.builds(token, st.text(), st.sampled_from([None, "stop", "length"]))
    | st.builds(usage, st.integers(0, 10**6), st.integers(0, 10**6))
    | st.sampled_from(
        [
            DONE,
            b": keep-alive\n\n",
            b"data: {not json\n\n",
            b"event: ping\ndata: 1\n\n",
            event(error={"message": "broken", "code": 500}),
            token('a data: {"usage":{ that is text'),
        ]
    ),
    max_size=12,
)


def stream(*, hide_usage: bool) -> EventStream:
    return EventStream(reader_for("chat/completions", 1), hide_usage=hide_usage)


@settings(deadline=None, max_examples=100)
@given(
    events=EVENTS,
    end=st.sampled_from([b"", b"\n", b"data: {", b'data: {"choices":[]}']),
    line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    cuts=st.lists(st.integers(0, 5000), max_size=20),
    hide_usage=st.booleans(),
)
def test_the_client_gets_every_byte_but_those_of_the_usage_chunk(
    events: list[bytes], end: bytes, line_end: bytes, cuts: list[int], hide_usage: bool
) -> None:
    shown = [one for one in events if not (hide_usage and b'"choices":[],"usage"' in one)]
    sent = b"".join([*events, end]).replace(b"\n", line_end)
    expected = b"".join([*shown, end]).replace(b"\n", line_end)
    edges = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    relayed = stream(hide_usage=hide_usage)
    got = b"".join(relayed.feed(sent[a:b]) for a, b in pairwise(edges)) + relayed.end()
    if line_end == b"\r":  # an LF after the last CR would belong to it
        got, expected = got.rstrip(b"\r"), expected.rstrip(b"\r")
    assert got == expected


@pytest.mark.parametrize("hide_usage", [True, False])
def test_usage_is_read_whether_or_not_the_client_sees_it(hide_usage: bool) -> None:
    relayed = stream(hide_usage=hide_usage)
    got = relayed.feed(token() + usage(11, 1) + DONE)
    assert got == token() + (b"" if hide_usage else usage(11, 1)) + DONE
    assert relayed.reader.usage.prompt_tokens == 11
    assert relayed.events == 3


FINGERPRINT = '"system_fingerprint":"vllm-é"'.encode()
USAGE = b'data: {"choices":[],"usage":{"completion_tokens":1,"prompt_tokens":2},%s}\n\n'


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_the_fingerprint_of_hidden_usage_stands_where_vllm_puts_it_without_usage(
    line_end: bytes,
) -> None:
    last = token("x", "stop")
    sent = (token() + last + USAGE % FINGERPRINT + DONE).replace(b"\n", line_end)
    expected = token() + last[:-3] + b"," + FINGERPRINT + b"}\n\n" + DONE
    for cut in range(len(sent)):
        relayed = stream(hide_usage=True)
        got = relayed.feed(sent[:cut]) + relayed.feed(sent[cut:]) + relayed.end()
        assert got == expected.replace(b"\n", line_end)


def test_the_event_that_ends_an_answer_waits_for_its_usage_alone() -> None:
    last = token("x", "stop")
    relayed = stream(hide_usage=True)
    assert relayed.feed(token() + last) == token()
    assert relayed.feed(b": wait\n\n") == last + b": wait\n\n"
    relayed = stream(hide_usage=True)
    assert relayed.feed(last) == b""
    assert relayed.feed(usage(1, 1)) == last, "no fingerprint, as of older workers"
    relayed = stream(hide_usage=True)
    assert relayed.feed(last) + relayed.end() == last
    assert stream(hide_usage=False).feed(last) == last


def test_a_fingerprint_of_the_workers_own_stays_alone() -> None:
    last = token("x", "stop")[:-3] + b',"system_fingerprint":"own"}\n\n'
    assert stream(hide_usage=True).feed(last + USAGE % FINGERPRINT + DONE) == last + DONE


def test_comments_are_passed_on_and_are_no_events() -> None:
    relayed = stream(hide_usage=True)
    assert relayed.feed(b": wait\n\n") == b": wait\n\n"
    assert relayed.events == 0


def test_a_last_event_without_an_empty_line_is_read() -> None:
    relayed = stream(hide_usage=True)
    assert relayed.feed(token() + b"data: [DONE]\n") == token()
    assert not relayed.reader.ended
    assert relayed.end() == b"data: [DONE]\n"
    assert relayed.reader.ended


def test_usage_after_an_error_is_hidden_too() -> None:
    error = event(error={"message": "broken"})
    assert stream(hide_usage=True).feed(error + usage(1, 1) + DONE) == error + DONE


def test_a_piece_of_an_event_that_is_too_long_is_no_comment() -> None:
    relayed = stream(hide_usage=True)
    relayed._parser.limit = 100
    long = token("x" * 200)
    assert relayed.feed(long[:150]) == long[:150]
    assert (relayed.events, relayed.inside) == (1, True)
    assert relayed.feed(long[150:]) == long[150:]
    assert (relayed.events, relayed.inside) == (1, False)
