"""The gateway finds the model where a server finds it: else a key could use a model it must not."""

from __future__ import annotations

import json

import pytest
from starlette.requests import Request

from gateway.protocol.errors import ApiError
from gateway.protocol.json_count import WINDOW
from gateway.protocol.multipart import with_form_field
from gateway.protocol.openai import parse

FORM = "multipart/form-data; boundary=xyz"
MODEL = b'Content-Disposition: form-data; name="model"'
OTHER = b'Content-Disposition: form-data; name="other"'


async def read_by_server(content_type: str, body: bytes) -> str | None:
    """The model in a form, by the server that vLLM is built on."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode())]
    async with Request({"type": "http", "headers": headers}, receive).form() as form:
        value = form.get("model")
        return value if value is None or isinstance(value, str) else "a file"


def form(*parts: tuple[bytes, bytes]) -> bytes:
    """A form of parts with these headers and values."""
    return b"".join(b"--xyz\r\n%s\r\n\r\n%s\r\n" % part for part in parts) + b"--xyz--\r\n"


@pytest.mark.parametrize("content_type", [FORM, "Multipart/Form-DATA;  boundary=xyz; charset=utf8"])
@pytest.mark.parametrize(
    "headers",
    [
        MODEL,
        MODEL.lower(),
        OTHER + b"\r\n" + MODEL,
        MODEL + b"\r\n" + OTHER,
        MODEL + b"\r\nContent-Dispositions: form-data; name=other",
        OTHER + b"\r\nContent-Dispositions: form-data; name=model",
        MODEL + b"; name=other",
        OTHER + b"; NAME=model",
        MODEL + b'\r\nContent-Type: text/plain; name="other"',
        MODEL.replace(b": ", b":"),
        MODEL.replace(b'"', b""),
        MODEL.replace(b"model", rb"mo\\del"),
        MODEL.replace(b"model", rb"mo\del"),
    ],
)
async def test_a_form_is_read_and_changed_as_servers_read_it(
    headers: bytes, content_type: str
) -> None:
    body = form((MODEL, b"first"), (headers, b"second"), (OTHER, b"third"))
    found = parse("audio/transcriptions", "POST", content_type, body).model
    assert found == await read_by_server(content_type, body)
    changed = with_form_field(content_type, body, "model", "new")
    assert await read_by_server(content_type, changed) == "new"
    for value in (b"first", b"second"):
        alone = form((headers, value))
        named = await read_by_server(content_type, alone) is not None
        assert (b"new" in with_form_field(content_type, alone, "model", "new")) == named


@pytest.mark.parametrize(
    ("content_type", "headers", "why"),
    [
        (f"{FORM}; charset=cp037", MODEL, "charset is 'cp037'"),
        (f"{FORM}; charset=utf-16", MODEL, "charset"),
        (f"{FORM}; charset=utf-8-sig", MODEL, "charset"),
        (f"multipart/form-data; x={'y' * 5000}; boundary=xyz", MODEL, "Content-Type"),
        (FORM, b"Content-Disposition: form-data; name*=utf-8''%6dodel", r"name\*="),
        (FORM, b'Content-Disposition: form-data; Name*0="mo"; name*1="del"', r"name\*="),
    ],
)
def test_a_form_that_servers_read_in_different_ways_is_refused(
    content_type: str, headers: bytes, why: str
) -> None:
    body = form((MODEL, b"first"), (headers, b"second"))
    with pytest.raises(ApiError, match=why) as refused:
        parse("audio/transcriptions", "POST", content_type, body)
    assert (refused.value.status, refused.value.code) == (400, "invalid_encoding")


def test_a_file_name_in_the_extended_syntax_is_no_fault() -> None:
    upload = b"Content-Disposition: form-data; name=\"file\"; filename*=utf-8''%C3%A9.wav"
    body = form((upload, b"x"), (MODEL, b"m"))
    assert parse("audio/transcriptions", "POST", FORM, body).model == "m"


@pytest.mark.parametrize("filler", [0, 2 * WINDOW])
@pytest.mark.parametrize(
    "text",
    [
        '{"model": "a", "model": "b", "x": "%s"}',
        '{"model": "a", "\\u006dodel": "b", "x": "%s"}',
        '{"x": "%s", "\\u006dodel": "a", "y": {"model": "z"}, "model": "b"}',
        '{"Model": "a", "x": "%s", "model": "b", "MODEL": "c"}',
        '{"x": "%s", "y": "\ud800", "model": "b"}',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_json_body_is_read_and_changed_as_servers_read_it(
    text: str, filler: int, encoding: str
) -> None:
    body = (text % ("x" * filler)).encode(encoding, "surrogatepass")
    assert json.loads(body)["model"] == "b"
    request = parse("embeddings", "POST", "application/json", body)
    assert request.model == "b"
    assert json.loads(request.for_worker(None))["model"] == "b"
    assert json.loads(request.changed({"model": "new"}).for_worker(None))["model"] == "new"
