"""What a worker gets of a client's body, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.generating import GENERATING
from gateway.protocol.lax import boolean
from gateway.protocol.openai import parse
from tests.gateway.protocol.openai_bodies import JSON_TYPE, request

# Sending on

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KNOWN = {
    "stream": st.booleans() | VALUES,
    "stream_options": st.dictionaries(
        st.sampled_from(["include_usage", "continuous_usage_stats"]), st.booleans()
    )
    | VALUES,
    "priority": st.integers() | VALUES,
    "n": VALUES,
}
FIELDS = st.builds(
    lambda model, known, others: {**others, **known, "model": model},
    st.text(min_size=1),
    st.fixed_dictionaries({}, optional=KNOWN),
    st.dictionaries(st.text(), VALUES, max_size=4),
)
LAYOUTS = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, 0, 2]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([None, (",", ":"), (" , ", " : ")]),
        "sort_keys": st.booleans(),
    }
)
ENDPOINTS = st.sampled_from([*sorted(GENERATING), "embeddings"])


@settings(deadline=None, max_examples=60)
@given(FIELDS, LAYOUTS, ENDPOINTS, st.none() | st.integers(), st.sampled_from(["", " ", "\r\n"]))
def test_a_worker_gets_the_clients_body_with_priority_and_usage_and_nothing_else(
    fields: dict[str, Any],
    layout: dict[str, Any],
    endpoint: str,
    priority: int | None,
    before: str,
) -> None:
    body = (before + json.dumps(fields, **layout)).encode()
    sent = parse(endpoint, "POST", JSON_TYPE, body).for_worker(priority)
    added: dict[str, Any] = {}
    if priority is not None and endpoint in GENERATING:
        added["priority"] = priority
    options = fields.get("stream_options")
    given_options = options if isinstance(options, dict) else {}
    asked = boolean(given_options.get("include_usage"))
    takes_option = endpoint in GENERATING and GENERATING[endpoint].usage_in_stream
    flags = [given_options.get(name) for name in ("include_usage", "continuous_usage_stats")]
    readable = all(flag is None or boolean(flag) is not None for flag in flags)
    valid = isinstance(options, dict | None) and readable
    if boolean(fields.get("stream")) and takes_option and valid and not asked:
        # Without include_usage it means nothing to vLLM, with it a usage in every chunk.
        kept = {k: v for k, v in given_options.items() if k != "continuous_usage_stats"}
        added["stream_options"] = {**kept, "include_usage": True}
    assert json.loads(sent) == {**fields, **added}
    if not added:
        assert sent is body
    elif added.keys().isdisjoint(fields):
        assert sent.endswith(body.split(b"{", 1)[1]), "the client's own bytes"


def test_a_clients_own_priority_is_replaced() -> None:
    sent = json.loads(request(priority=-(10**9)).for_worker(17))
    assert sent == {"model": "m", "priority": 17}


def test_a_clients_priority_is_replaced_however_it_is_spelt() -> None:
    body = b'{"model": "m", "prior\\u0069ty": -9}'
    sent = parse("completions", "POST", JSON_TYPE, body).for_worker(17)
    pairs = json.loads(sent, object_pairs_hook=list)
    assert pairs == [("model", "m"), ("priority", 17)]


def test_without_priorities_a_clients_body_is_left_alone() -> None:
    plain = request(priority=3)
    assert plain.for_worker(None) is plain.body


@pytest.mark.parametrize("endpoint", ["messages", "responses", "embeddings"])
def test_usage_is_asked_for_only_where_a_stream_has_that_option(endpoint: str) -> None:
    plain = request(endpoint, stream=True)
    assert plain.for_worker(None) is plain.body


def test_a_clients_other_stream_options_are_kept() -> None:
    options = {"include_usage": False, "extra": [1]}
    sent = json.loads(request(stream=True, stream_options=options).for_worker(None))
    assert sent["stream_options"] == {"include_usage": True, "extra": [1]}


@pytest.mark.parametrize(
    "options",
    [
        "all",
        [],
        5,
        {"include_usage": "perhaps"},
        {"include_usage": 7},
        {"continuous_usage_stats": {}},
    ],
)
def test_malformed_stream_options_are_left_to_the_worker(options: object) -> None:
    bad = request(stream=True, stream_options=options)
    assert bad.for_worker(None) is bad.body
    assert not bad.asks_usage_itself


def test_numbers_and_text_of_a_client_are_not_written_anew() -> None:
    body = '{"model":"m","temperature":0.10,"prompt":"é\\u00e9","seed":1E2}'.encode()
    sent = parse("completions", "POST", JSON_TYPE, body).for_worker(1)
    assert sent.endswith(body[1:])


# Errors


def test_a_get_of_a_generating_endpoint_is_passed_on() -> None:
    assert parse("chat/completions", "GET", "", b"").for_worker(1) == b""


def test_an_upload_to_a_generating_endpoint_is_passed_on() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n{m}\r\n--x--\r\n'
    parsed = parse("chat/completions", "POST", "multipart/form-data; boundary=x", body)
    assert parsed.for_worker(1) is body
