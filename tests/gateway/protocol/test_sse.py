"""Server-sent events by the WHATWG specification, however the network cuts them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.sse import Event, SseParser


def parsed(*parts: bytes, limit: int = 1000) -> list[Event]:
    """All events of a stream that comes in these parts."""
    parser = SseParser(limit)
    events = [event for part in parts for event in parser.feed(part)]
    rest = parser.rest()
    return events + ([rest] if rest else [])


def fields(*parts: bytes) -> list[tuple[bytes, bytes | None]]:
    """Name and data of the events; empty lines that are left over are none."""
    return [(e.name, e.data) for e in parsed(*parts) if e.raw.strip(b"\r\n")]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: x\n\n", [(b"", b"x")]),
        (b"data:x\n\n", [(b"", b"x")]),
        (b"data:  x\n\n", [(b"", b" x")]),  # one space belongs to the colon
        (b"data\n\n", [(b"", b"")]),
        (b"data: a: b\n\n", [(b"", b"a: b")]),
        (b"data: one\ndata:two\ndata\n\n", [(b"", b"one\ntwo\n")]),
        (b"event: ping\ndata: x\n\n", [(b"ping", b"x")]),
        (b"data: x\nevent:ping\n\n", [(b"ping", b"x")]),
        (b"id: 7\nretry: 10\ndata: x\nunknown: y\n\n", [(b"", b"x")]),
        (b": a comment\n\n", [(b"", None)]),
        (b": a comment\ndata: x\n\n", [(b"", b"x")]),
        (b":\n\ndata: x\n\n", [(b"", None), (b"", b"x")]),
        (b"\n\n\ndata: x\n\n\n\ndata: y\n\n", [(b"", b"x"), (b"", b"y")]),
        (b"\xef\xbb\xbfdata: x\n\n", [(b"", b"x")]),
        (b"data: x\n\n\xef\xbb\xbfdata: y\n\n", [(b"", b"x"), (b"", None)]),  # no mark but at first
        (b"Data: x\n\n", [(b"", None)]),
        (b"data: x\x0b\x0c\x1c\xc2\x85\n\n", [(b"", b"x\x0b\x0c\x1c\xc2\x85")]),  # no ends of lines
        (b"data: x", [(b"", b"x")]),  # what is left at the end is for the caller to judge
    ],
)
def test_fields_are_read_as_the_specification_says(
    stream: bytes, expected: list[tuple[bytes, bytes | None]]
) -> None:
    assert fields(stream) == expected
    for end in (b"\r\n", b"\r"):
        other = stream.replace(b"\n", end)
        assert fields(other) == expected
        assert fields(*(bytes([byte]) for byte in other)) == expected


LINES = st.lists(
    st.sampled_from([b"data: x", b"data:{}", b"event: e", b": c", b"id: 1", b"", b"", b"da\xffta"])
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@settings(deadline=None, max_examples=200)
@given(
    lines=st.lists(st.tuples(LINES, ENDS), max_size=6),
    cuts=st.lists(st.integers(0, 500), max_size=20),
    limit=st.sampled_from([3, 12, 1000]),
)
def test_where_the_network_cuts_a_stream_makes_no_difference(
    lines: list[tuple[list[bytes], bytes]], cuts: list[int], limit: int
) -> None:
    sent = b"".join(line + end for part, end in lines for line in part)
    edges = sorted({0, len(sent), *(cut % (len(sent) + 1) for cut in cuts)})
    parts = [sent[a:b] for a, b in pairwise(edges)]
    assert b"".join(event.raw for event in parsed(*parts, limit=limit)) == sent
    assert fields(*parts) == fields(sent)


def test_an_event_is_given_out_as_soon_as_it_is_whole() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\ndata: b") == [Event(b"data: a\n\n", b"", b"a")]
    assert parser.feed(b"\r\r") == [Event(b"data: b\r\r", b"", b"b")]
    assert parser.rest() is None


def test_an_event_too_long_to_keep_passes_in_pieces_and_keeps_its_name() -> None:
    parser = SseParser(limit=20)
    assert parser.feed(b"event: big\ndata: ") == []
    assert parser.feed(b"xxxxx\n") == [Event(b"event: big\ndata: xxxxx", b"big")]
    assert parser.inside
    assert parser.feed(b"y") == [Event(b"\ny")]
    assert parser.feed(b"\r\n") == []
    assert parser.feed(b"\r\ndata: z\n\n") == [
        Event(b"\r\n\r\n"),
        Event(b"data: z\n\n", b"", b"z"),
    ]
    assert not parser.inside


def test_a_long_event_in_many_small_parts_is_not_searched_again_and_again() -> None:
    parser = SseParser()
    for count in range(1, 1000):
        assert parser.feed(b"x" * 100) == []
        assert parser._seen >= 100 * count - 3  # what is left to search when more comes
    assert len(parser.feed(b"\n\n")) == 1
