"""Large JSON bodies: read in pieces as json.loads reads them, counted, and changed in place."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.protocol import json_count, json_pieces
from gateway.protocol.errors import ApiError
from gateway.protocol.json_count import count_values
from gateway.protocol.json_pieces import TooManyValuesError, loads_in_pieces
from gateway.protocol.openai import LARGE, parse

NO_LIMIT = 10**9
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For busy machines: neither time nor the making of values says anything here."""

TEXTS = st.text(st.sampled_from('ab"\\,[]{}:/\n\x00é中😀'), max_size=150)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=30,
)


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pieces, "WINDOW", 70)
    monkeypatch.setattr(json_count, "WINDOW", 70)


def outcome(body: bytes) -> Any:
    try:
        return loads_in_pieces(body, NO_LIMIT)[0]
    except (ValueError, RecursionError):
        return ValueError


def expected(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return ValueError


@CALM
@given(value=VALUES, ascii=st.booleans(), indent=st.sampled_from([None, 1]))
def test_pieces_make_the_same_value(value: Any, ascii: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ascii, indent=indent).encode()
    assert outcome(body) == value


@CALM
@given(value=VALUES, at=st.integers(0, 10_000), noise=st.binary(min_size=1, max_size=3))
def test_what_is_no_json_is_none_in_pieces(value: Any, at: int, noise: bytes) -> None:
    body = json.dumps(value).encode()
    at %= len(body)
    broken = body[:at] + noise + body[at + 1 :]
    assert repr(outcome(broken)) == repr(expected(broken))


@pytest.mark.parametrize("text", ["[" * 3_000, '{"a":' * 3_000, "[" * 40 + '"' + "x" * 200])
def test_deep_nesting_is_refused(text: str) -> None:
    assert outcome(text.encode()) is ValueError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1", 1),
        ("[1, 2, 3]", 7),
        ('{"a": 1, "b": [2]}', 12),
        (r'["\"[[[,,,", "\\", "]"]', 7),
        ('"' + r"\\" * 100 + r"\"" * 100 + ",,,[[[" + '"', 1),
        ("[" + '",\\\\",' * 100 + "1]", 105),
    ],
)
def test_values_are_counted_outside_of_texts(text: str, count: int) -> None:
    assert count_values(text.encode()) == count


def test_values_are_counted_piece_by_piece() -> None:
    largest = max(map(len, json_count._pieces(b"\\" * 1_001)))
    assert largest <= 71


def test_more_values_than_allowed_are_refused_before_they_take_memory() -> None:
    assert loads_in_pieces(b"[1, 2]", 6)[0] == [1, 2]
    with pytest.raises(TooManyValuesError):
        loads_in_pieces(b"[1, 2]", 5)
    body = b'{"prompt": [' + b"[]," * LARGE + b"1]}"
    with pytest.raises(ApiError, match=r"requests\.max_json_values") as refused:
        parse("completions", "POST", "", body, 100_000)
    assert (refused.value.status, refused.value.code) == (400, "body_too_complex")


@pytest.mark.parametrize("filler", ["x", "é", '", "priority": 3, "', "\\u0070"])
def test_fields_of_a_large_body_are_set_where_they_are(filler: str) -> None:
    prompt = json.dumps(filler * LARGE)
    given = '{"model": "m", "priority" : 5, "stream": true, "prompt": %s, "priority":[7] , '
    given += '"stream_options": {"a": 1}, "seed": 1E2}'
    body = (given % prompt).encode()
    sent = parse("completions", "POST", "", body).for_worker(9)
    wanted = (given % prompt).replace('"priority" : 5', '"priority" : 9')
    wanted = wanted.replace('"priority":[7] ', '"priority":9 ')
    assert sent.decode() == wanted.replace('{"a": 1}', '{"a": 1, "include_usage": true}')


@pytest.mark.parametrize("before", ["", " " * LARGE])
@pytest.mark.parametrize("after", ["", "\n" * LARGE])
def test_fields_are_set_in_a_small_object_among_much_space(
    before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # windows of full size hold the object whole
    given = '{"stream": true, "priority": -5, "a": {"priority": 7}, "stream_options": null}'
    sent = parse("completions", "POST", "", f"{before}{given}{after}".encode()).for_worker(9)
    wanted = given.replace("-5", "9").replace("null", '{"include_usage": true}')
    assert sent.decode() == before + wanted + after


def test_the_places_of_many_equal_names_are_found_in_linear_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = ('{"a": "é"' + ', "priority": 0, "é": 1' * 20_000 + "}").encode()

    def seconds(window: int) -> float:
        monkeypatch.setattr(json_pieces, "WINDOW", window)
        begun = time.process_time()
        _, places = loads_in_pieces(body, NO_LIMIT, {"priority"})
        assert {body[start:end] for _, start, end in places} == {b"0"}
        return time.process_time() - begun

    assert seconds(2**16) < 2 * seconds(2**12)  # what a window holds is not read again for each


def test_names_in_a_large_body_are_found_in_spite_of_escapes() -> None:
    body = b'{"a": 1, "\\u0070riority": 5, "prompt": "%s"}' % (b"x" * LARGE)
    sent = parse("completions", "POST", "", body).for_worker(9)
    assert json.loads(sent)["priority"] == 9
    assert b"5" not in sent


def test_other_threads_run_while_a_large_body_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    body = b'{"prompt": [' + b"1.5," * 1_600_000 + b"1]}"
    reading = threading.Thread(target=loads_in_pieces, args=(body, NO_LIMIT))
    reading.start()
    turns = 0
    while reading.is_alive():
        reading.join(0.001)
        turns += 1
    assert turns > 5
