"""Bodies of every API, mutated as JSON values and as bytes."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable
from typing import Any

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}},
}
USER = {"role": "user", "content": "Count to ten."}
CHAT: dict[str, Any] = {
    "model": "emulated",
    "max_tokens": 4,
    "temperature": 0.5,
    "messages": [
        {"role": "system", "content": "Be short."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": PIXEL}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        USER,
    ],
    "tools": [TOOL],
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    "stream": True,
    "stream_options": {"include_usage": True},
    "n": 1,
    "priority": 3,
}
VALID: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"model": "emulated", "prompt": ["a", "b"], "max_tokens": 4, "n": 1},
    "/v1/responses": {
        "model": "emulated",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "instructions": "Be kind.",
        "max_output_tokens": 16,
        "previous_response_id": None,
    },
    "/v1/messages": {
        "model": "emulated",
        "max_tokens": 4,
        "system": [{"type": "text", "text": "s"}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "thinking": {"type": "disabled"},
    },
    "/v1/embeddings": {"model": "emulated", "input": ["a", "b"]},
    "/invocations": {"model": "emulated", "prompt": "x", "max_tokens": 3},
    "/tokenize": {"model": "emulated", "prompt": "x"},
    "/v1/score": {"model": "emulated", "text_1": "a", "text_2": ["b"]},
    "/v1/messages/count_tokens": {"model": "emulated", "messages": [USER]},
}

Value = Callable[[random.Random], Any]


def _deep(rng: random.Random) -> Any:
    value: Any = "x"
    for _ in range(rng.choice([3, 50, 300])):
        value = [value] if rng.random() < 0.5 else {"content": value}
    return value


ODD: tuple[Value, ...] = (
    lambda _: None,
    lambda rng: rng.choice([True, False, "true", "no", ""]),
    lambda rng: rng.choice([0, -1, 1, 2**31, 2**63, -(2**64), 10**400, 0.5, 1e308, float("nan")]),
    lambda _: float("inf"),
    lambda rng: rng.choice(
        ["\x00", "\ud800", "é" * 50, "😀", "a" * 5_000, "data:,", "../..", "%00"]
    ),
    lambda _: [],
    lambda _: {},
    lambda rng: [None] * rng.choice([1, 100]),
    lambda rng: [[]] * rng.choice([1, 200]),
    lambda rng: list(range(rng.choice([1, 500]))),
    lambda rng: [USER] * rng.choice([0, 3, 300]),
    lambda _: {"type": "image_url", "image_url": {"url": PIXEL[:60]}},
    lambda _: {"role": "user", "content": [{"text": 5}, None, 7, "x"]},
    _deep,
)


def mutated(rng: random.Random, value: Any) -> Any:
    """A copy of a JSON value in which some things are odd."""
    for _ in range(rng.choice([1, 1, 2, 4])):
        value = _one_change(rng, value)
    return value


def _one_change(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        changed = dict(value)
        name = rng.choice(list(changed))
        kind = rng.random()
        if kind < 0.15:
            del changed[name]
        elif kind < 0.25:
            changed[rng.choice(["", "model", "stream", "\ud800", "n" * 300])] = changed[name]
        else:
            changed[name] = _one_change(rng, changed[name])
        return changed
    if isinstance(value, list) and value and rng.random() < 0.7:
        items = list(value)
        at = rng.randrange(len(items))
        items[at] = _one_change(rng, items[at])
        return items if rng.random() < 0.8 else items * rng.choice([2, 30])
    return rng.choice(ODD)(rng)


def json_body(rng: random.Random, fields: Any) -> bytes:
    """A value as JSON, mostly in UTF-8, at times broken."""
    text = json.dumps(fields, ensure_ascii=rng.random() < 0.6)
    coding = rng.choices(["utf-8", "utf-16", "utf-32", "utf-8-sig"], [20, 1, 1, 1])[0]
    body = text.encode(coding, "surrogatepass")
    return broken(rng, body) if rng.random() < 0.3 else body


def broken(rng: random.Random, data: bytes) -> bytes:
    """Bytes with some cut out, changed, repeated or put in."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 3, 10])):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            del changed[at : at + rng.choice([1, 5, 50])]
        elif kind == 1:
            changed[at:at] = rng.choice([b"\x00", b"\r\n", b'"', b"\\", b"{", b"[" * 200, b"\xff"])
        elif kind == 2:
            changed[at:at] = changed[: rng.choice([3, 40])]
        elif changed:
            changed[at % len(changed)] = rng.randrange(256)
    return bytes(changed)


def form_body(rng: random.Random) -> tuple[str, bytes]:
    """Content type and body of an upload."""
    boundary = rng.choice(["x", "xyz", "-" * 30 + "b", "", 'a"b', "b" * 300])
    line = b"--" + boundary.encode()
    body = b""
    for name in rng.sample(["model", "file", "language", "model"], rng.randrange(5)):
        head = b'Content-Disposition: form-data; name="%s"' % name.encode()
        if name == "file":
            head += b'; filename="a.wav"\r\nContent-Type: audio/wav'
        value = b"emulated" if name == "model" else rng.randbytes(rng.choice([0, 9, 3_000]))
        body += line + b"\r\n" + head + b"\r\n\r\n" + value + b"\r\n"
    body += line + b"--\r\n"
    body = broken(rng, body) if rng.random() < 0.6 else body
    return f'multipart/form-data; boundary="{boundary}"', body


def packed(rng: random.Random, body: bytes) -> tuple[str, bytes]:
    """Content coding and body, compressed or not as it says."""
    coding = rng.choice(["gzip", "deflate", "gzip, gzip", "br", "x-gzip", "identity", "zip" * 50])
    if rng.random() < 0.8:
        for _ in coding.split(","):
            packer = zlib.compressobj(wbits=31 if "gzip" in coding else 15)
            body = packer.compress(body) + packer.flush()
    return coding, broken(rng, body) if rng.random() < 0.3 else body
