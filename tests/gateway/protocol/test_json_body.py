"""JSON bodies: what is read of them, and what stays when a field is changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.json_body import as_utf8, loads, with_fields
from gateway.protocol.openai import parse

TEXT = '{"model": "m", "messages": [{"role": "user", "content": "é ✓"}]}'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_body_in_any_unicode_is_read_and_goes_on_as_utf8(encoding: str) -> None:
    request = parse("chat/completions", "POST", "application/json", TEXT.encode(encoding))
    assert request.model == "m"
    assert request.for_worker(None) == TEXT.encode()
    assert loads(request.for_worker(7)) == {"priority": 7, **json.loads(TEXT)}


def test_bytes_that_are_no_unicode_stay() -> None:
    assert as_utf8(b"\xff\xfe\x00") == b"\xff\xfe\x00"
    assert as_utf8(b"") == b""


def test_an_upload_stays_as_it_is_though_it_begins_like_text() -> None:
    upload = "sound".encode("utf-16")
    assert parse("audio/raw", "POST", "audio/wav", upload).for_worker(None) == upload


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (b'{"a": 1e400, "x": {"b": [1]}}', b'{"a": 1e400, "x": 5}'),
        (
            b' {"x":null,"seed":12345678901234567890123}\r\n',
            b' {"x":5,"seed":12345678901234567890123}\r\n',
        ),
        (b'{"x" : "\\"}{" , "y":"\\ud83d"}', b'{"x" : 5 , "y":"\\ud83d"}'),
        (b'{"x": 1, "n": {"x": 2}, "x": [3]}', b'{"x": 5, "n": {"x": 2}, "x": 5}'),
        (b'{"t": NaN, "\\u0078": -Infinity}', b'{"t": NaN, "\\u0078": 5}'),
        (b'{"c": "\xed\xa0\xbd", "x": true}', b'{"c": "\xed\xa0\xbd", "x": 5}'),
        (b'{"a": 1.50}', b'{"x": 5, "a": 1.50}'),
    ],
)
def test_only_the_value_of_the_field_changes(body: bytes, changed: bytes) -> None:
    assert with_fields(body, loads(body), {"x": 5}) == changed


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from("abcx") | st.text(), values, min_size=1),
    st.dictionaries(st.sampled_from("abx"), values, min_size=1),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
)
def test_the_fields_are_those_of_a_dictionary(
    fields: dict[str, Any], wanted: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    body = json.dumps(fields, indent=indent, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    assert loads(with_fields(body, fields, wanted)) == {**fields, **wanted}
