"""What the gateway reads of a request, and what it adds before a worker gets it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.protocol.errors import ApiError
from gateway.protocol.openai import MOST_TOKENS, parse
from gateway.requests.reading import describe
from tests.gateway.protocol.openai_bodies import JSON_TYPE, request


def refused(body: bytes) -> ApiError:
    with pytest.raises(ApiError) as error:
        parse("chat/completions", "POST", JSON_TYPE, body)
    return error.value


# Reading


def test_a_body_is_read_and_kept_as_it_came() -> None:
    body = b' {"model" : "m\\u0065", "stream": true}\n'
    parsed = parse("chat/completions", "POST", JSON_TYPE, body)
    assert (parsed.model, parsed.stream, parsed.body) == ("me", True, body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"model=m",
        b'{"model": "m"',
        b'{"model": "m"} x',
        b'{"model": "\xff"}',
    ],
    ids=["empty", "form", "open", "trailing", "latin"],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    error = refused(body)
    assert (error.status, error.code, error.param) == (400, "invalid_json", None)
    assert "not valid JSON" in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"model": "m", "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "less deeply"),
        (b'{"model": "m", "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "less deeply"),
        (b'{"model": "m", "n": ' + b"1" * 10_000 + b"}", "a smaller one"),
        (b'{"n": ' + b"1" * 10_000 + b', "model": "' + b"m" * 200_000 + b'"}', "a smaller one"),
    ],
    ids=["deep, large", "deep", "huge number", "huge number, large"],
)
def test_what_is_too_much_to_read_is_refused_without_words_of_python(
    body: bytes, said: str
) -> None:
    error = refused(body)
    assert (error.status, error.code, error.param) == (400, "invalid_json", None)
    assert said in str(error)
    assert "sys." not in str(error)
    assert "recursion" not in str(error)


@pytest.mark.parametrize("body", [b"[]", b'"model"', b"5", b"null", b"true"])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    error = refused(body)
    assert (error.status, error.code) == (400, "invalid_json")
    assert "must be a JSON object, got " in str(error)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"model": 5}', "5"),
        (b'{"model": false}', "false"),
        (b'{"model": ["m"]}', '["m"]'),
    ],
)
def test_a_model_must_be_a_string(body: bytes, shown: str) -> None:
    error = refused(body)
    assert (error.status, error.code, error.param) == (400, "invalid_model", "model")
    assert f"got {shown}. GET /v1/models lists the names." in str(error)


def test_an_absurd_model_is_not_repeated_in_full() -> None:
    body = json.dumps({"model": {"x": "y" * 100_000}}).encode()
    assert len(str(refused(body))) < 300


@pytest.mark.parametrize("body", [b"{}", b'{"model": null}', b'{"model": ""}'])
def test_a_body_may_name_no_model(body: bytes) -> None:
    assert parse("chat/completions", "POST", JSON_TYPE, body).model is None


@pytest.mark.parametrize("body", [b"", b"[]", b"model=m", b'{"model": "m"'])
def test_what_generates_nothing_may_have_any_body(body: bytes) -> None:
    parsed = parse("responses/abc/cancel", "POST", JSON_TYPE, body)
    assert (parsed.model, parsed.fields, parsed.for_worker(3)) == (None, {}, body)


@pytest.mark.parametrize(
    ("body", "endpoint", "generates"),
    [
        (b'{"messages": []}', "chat/completions", True),
        (b'{"prompt": "x"}', "completions", True),
        (b'{"messages": 5, "prompt": ["x", "y"]}', "completions", True),
        (b'{"input": "x"}', "invocations", False),
        (b"x", "invocations", False),
    ],
)
def test_an_invocation_is_of_the_api_whose_fields_it_has(
    body: bytes, endpoint: str, generates: bool
) -> None:
    parsed = parse("invocations", "POST", JSON_TYPE, body)
    assert (parsed.endpoint, parsed.generates) == (endpoint, generates)


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD"])
def test_other_methods_name_no_model(method: str) -> None:
    parsed = parse("responses/abc", method, "", b"")
    assert (parsed.model, parsed.fields, parsed.for_worker(3)) == (None, {}, b"")


@pytest.mark.parametrize("extra", [b"", b"Content-Type: text/plain\r\n"])
def test_an_upload_names_its_model_in_its_form(extra: bytes) -> None:
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n{\x00\xff\r\n"
        b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n' + extra + b"\r\n"
        b"whisper\r\n--xyz--\r\n"
    )
    parsed = parse("audio/transcriptions", "POST", "multipart/form-data; boundary=xyz", body)
    assert (parsed.model, parsed.generates) == ("whisper", False)
    assert parsed.for_worker(3) is body


def test_an_upload_without_a_model_is_any_models() -> None:
    parsed = parse("audio/transcriptions", "POST", "multipart/form-data; boundary=x", b"--x--\r\n")
    assert parsed.model is None


@pytest.mark.parametrize(
    ("value", "streams"),
    [
        *((True, True), (False, False), (None, False)),
        *(("true", True), ("TRUE", True), ("yes", True), (1, True), (1.0, True), ("1", True)),
        *(("false", False), (0, False), (2, False), ("please", False), ([], False), ({}, False)),
    ],
)
def test_what_vllm_takes_for_true_asks_for_a_stream(value: object, streams: bool) -> None:
    assert request(stream=value).stream is streams


@pytest.mark.parametrize(
    ("options", "wants"),
    [
        ({"include_usage": True}, True),
        ({"include_usage": "true"}, True),
        ({"include_usage": False}, False),
        ({}, False),
        (None, False),
        ([], False),
        ("include_usage", False),
    ],
)
def test_only_include_usage_asks_for_usage(options: object, wants: bool) -> None:
    assert request(stream=True, stream_options=options).wants_usage is wants


# Size


@pytest.mark.parametrize(
    ("fields", "sequences"),
    [
        ({}, 1),
        ({"n": 4}, 4),
        ({"n": 1}, 1),
        ({"n": 0}, 1),
        ({"n": -3}, 1),
        ({"n": None}, 1),
        ({"n": "4"}, 4),
        ({"n": 4.0}, 4),
        ({"n": 4.5}, 1),
        ({"n": "four"}, 1),
        ({"n": True}, 1),
        ({"prompt": "hello"}, 1),
        ({"prompt": ["a", "b", "c"]}, 3),
        ({"prompt": ["a", "b", "c"], "n": 2}, 6),
        ({"prompt": [1, 2, 3, 4]}, 1),
        ({"prompt": [[1, 2], [3, 4]]}, 2),
        ({"prompt": []}, 1),
        ({"prompt": {"a": 1}}, 1),
    ],
)
def test_sequences_are_completions_times_prompts(fields: dict[str, Any], sequences: int) -> None:
    assert request("completions", **fields).sequences.total == sequences


@pytest.mark.parametrize(
    ("endpoint", "fields", "sequences"),
    [
        ("chat/completions", {"prompt": [""] * 1000, "n": 2}, 2),
        ("chat/completions", {"messages": [["a"]] * 9, "best_of": 7, "num_return": 7}, 1),
        ("completions", {"prompt_embeds": ["AA==", "AA=="], "n": 3}, 6),
        ("completions", {"prompt_embeds": "AA=="}, 1),
        ("responses", {"input": ["a", "b"], "prompt": ["a", "b"], "n": 5}, 1),
        ("messages", {"messages": [{}, {}], "prompt": ["a", "b"], "n": 5}, 1),
        ("invocations", {"messages": [], "prompt": ["a", "b"], "n": 5}, 10),
        ("invocations", {"prompt": ["a", "b"], "n": 5}, 10),
        ("invocations", {"input": ["a", "b"], "n": 5}, 1),
        ("embeddings", {"input": ["a", "b"], "prompt": ["a", "b"], "n": 5}, 1),
        ("chat/completions/batch", {"messages": [[{}], [{}], [{}]]}, 3),
    ],
)
def test_only_fields_that_the_endpoint_reads_make_sequences(
    endpoint: str, fields: dict[str, Any], sequences: int
) -> None:
    assert request(endpoint, **fields).sequences.total == sequences


@pytest.mark.parametrize(
    ("fields", "bound"),
    [
        ({}, None),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 8}, 8),
        ({"max_tokens": 7, "max_completion_tokens": 8}, 8),
        ({"max_tokens": 7, "max_completion_tokens": None}, 7),
        ({"max_tokens": 0}, None),
        ({"max_tokens": -1}, None),
        ({"max_tokens": None}, None),
        ({"max_tokens": "7"}, 7),
        ({"max_tokens": True}, 1),
        ({"max_tokens": "seven"}, None),
        ({"max_tokens": 7.5}, None),
        ({"max_tokens": [7]}, None),
        ({"max_tokens": 10**400}, MOST_TOKENS),
    ],
)
def test_the_bound_on_output_is_read_under_each_of_its_names(
    fields: dict[str, Any], bound: int | None
) -> None:
    assert request(**fields).max_tokens == bound


@pytest.mark.parametrize(
    ("endpoint", "bound"),
    [("chat/completions", 2), ("completions", 1), ("messages", 1), ("responses", 3)],
)
def test_a_bound_that_the_endpoint_ignores_counts_nowhere(endpoint: str, bound: int) -> None:
    asked = request(endpoint, max_tokens=1, max_completion_tokens=2, max_output_tokens=3)
    assert asked.max_tokens == describe(asked).prompt.max_tokens == bound


@pytest.mark.parametrize("endpoint", ["embeddings", "tokenize", "rerank", "models"])
def test_other_endpoints_generate_nothing(endpoint: str) -> None:
    assert not request(endpoint).generates
