"""Forms: one field is read, whatever else the body holds, in time that grows with its length."""

from __future__ import annotations

import contextlib
from time import thread_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.protocol.errors import ApiError
from gateway.protocol.multipart import (
    MOST_PARTS,
    TooManyPartsError,
    form_field,
    with_form_field,
)
from gateway.protocol.openai import parse

FORM = "multipart/form-data; boundary=xyz"
MEGABYTE = 2**20


def part(name: str, value: bytes, *headers: bytes) -> bytes:
    lines = [b'Content-Disposition: form-data; name="%s"' % name.encode(), *headers]
    return b"--xyz\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + value + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--xyz--\r\n"


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (form(part("file", b"\x00--xy\r\n"), part("model", b"whisper")), "whisper"),
        (form(part("model", b"a"), part("model", b"b")), "b"),  # as vLLM's server reads it
        (form(part("model", b"w", b"Content-Type: text/plain")), "w"),
        (form(part("model", b"two\r\nlines")), "two\r\nlines"),
        (form(part("model", b"")), ""),
        (form(part("models", b"x"), part("file", b'name="model"\r\n\r\nx\r\n')), None),
        (part("model", b"no end"), None),
        (b"--xyz--\r\n", None),
        (b"no form", None),
        (b"", None),
    ],
)
def test_the_last_value_of_the_field_is_read(body: bytes, model: str | None) -> None:
    assert form_field(FORM, body, "model") == model


def test_a_form_without_a_boundary_has_no_fields() -> None:
    assert form_field("multipart/form-data", form(part("model", b"m")), "model") is None


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(noise=st.binary(max_size=200), at=st.integers(0, 200))
def test_no_bytes_break_the_reader(noise: bytes, at: int) -> None:
    whole = form(part("file", b"x"), part("model", b"m"))
    form_field(FORM, whole[:at] + noise + whole[at:], "model")


@pytest.mark.parametrize(
    "unit",
    [b'name="model"\r\n', b"\r\n--xy", b"\r\n", b"\r", b"a: b\r\n", b"-", b"\r\n--xyz-", b" "],
)
@pytest.mark.parametrize("head", [b"", part("model", b"")[:-2], b"--xyz\r\n", b"--xyz\r\na:"])
def test_a_body_of_a_megabyte_is_read_in_no_time(unit: bytes, head: bytes) -> None:
    body = head + unit * (MEGABYTE // len(unit))
    begun = thread_time()
    with contextlib.suppress(TooManyPartsError):
        form_field(FORM, body, "model")
    assert thread_time() - begun < 0.1


def test_a_form_of_too_many_parts_is_refused() -> None:
    assert form_field(FORM, form(*[part("a", b"1")] * MOST_PARTS), "a") == "1"
    body = form(*[part("a", b"1")] * (MOST_PARTS + 1))
    with pytest.raises(ApiError, match=f"more than {MOST_PARTS} parts") as refused:
        parse("audio/transcriptions", "POST", FORM, body)
    assert (refused.value.status, refused.value.code) == (400, "body_too_complex")


# Setting a field


def test_a_field_gets_another_value_and_all_other_bytes_stay() -> None:
    upload = part("file", b'\x00--xy\r\nname="model"\r\n\r\nm', b"Content-Type: audio/wav")
    body = form(part("model", b"m"), upload, part("Model", b"m"), part("model", b""))
    wanted = form(part("model", b"new"), upload, part("Model", b"m"), part("model", b"new"))
    assert with_form_field(FORM, body, "model", "new") == wanted


@pytest.mark.parametrize("body", [b"", b"no form", part("model", b"no end"), form()])
def test_what_has_no_such_field_stays(body: bytes) -> None:
    assert with_form_field(FORM, body, "model", "new") == body
