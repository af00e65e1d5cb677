"""Requests on the wire: bodies with heads and framings, valid and not."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.fuzz.bodies import VALID, broken, form_body, json_body, mutated, packed
from tests.fuzz.large import forms, large_body

PATHS = (
    *VALID,
    *("/v1/audio/transcriptions", "/v1/models", "/v1/models/x", "/health", "/ready", "/metrics"),
    *("/v1/responses/resp_1", "/sleep", "/v1/../ready", "//v1//chat/completions", "/%00", "/\xff"),
    *("/v1/unknown", "*", "http://a/v1/models", "/" + "a" * 5_000, "/v1/completions/?x=%zz"),
)
METHODS = ("POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "FOO")
HEADERS = (
    *(b"x-request-id: \x01\xff", b"x-request-id: " + b"i" * 3_000, b"authorization: Bearer k"),
    *(b"x-api-key: \xf0\x9f", b"connection: close, x-session-id", b"x-session-id: s", b"te: x"),
    *(b"upgrade: h2c", b"expect: 100-continue", b"expect: x", b"origin: null", b": v", b"no colon"),
    *(b"x-many: " + b"v" * 9_000, b"x vllm: 1", b"x-vllm-priority: -9", b"cookie: a=b", b"a:\x00"),
    *(b"content-type: multipart/form-data", b"content-type: text/plain; charset=utf-7", b" folded"),
    *(b"content-length: 5", b"transfer-encoding: chunked", b"transfer-encoding: gzip, chunked"),
    *(b"retry-after: x", b"accept-encoding: br;q=x", b"host: ", b"range: bytes=0-", b"\xe9: x"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One request as its bytes, and what it is."""

    kind: str
    data: bytes


def ordinary(rng: random.Random) -> Case:
    """A small request with something odd in its body, head or framing."""
    kind, body, headers = _body(rng)
    path = kind if kind.startswith("/") and rng.random() < 0.9 else rng.choice(PATHS)
    method = "POST" if rng.random() < 0.85 else rng.choice(METHODS)
    extra = [rng.choice(HEADERS) for _ in range(rng.choice([0, 0, 0, 1, 2, 5]))]
    return Case(f"{method} {path[:40]}", _framed(rng, method, path, [*headers, *extra], body))


def _body(rng: random.Random) -> tuple[str, bytes, list[bytes]]:
    """A path or a word, a body, and the headers that belong to it."""
    if rng.random() < 0.15:
        content_type, body = form_body(rng)
        return "/v1/audio/transcriptions", body, [b"content-type: " + content_type.encode()]
    path, fields = rng.choice(list(VALID.items()))
    body = json_body(rng, mutated(rng, fields) if rng.random() < 0.9 else fields)
    headers = [b"content-type: application/json"]
    if rng.random() < 0.1:
        coding, body = packed(rng, body)
        headers.append(b"content-encoding: " + coding.encode())
    return path, body, headers


def _framed(rng: random.Random, method: str, path: str, headers: list[bytes], body: bytes) -> bytes:
    framing = rng.choices(["length", "chunks", "none", "wrong", "bad chunks"], [70, 15, 3, 6, 6])[0]
    lines = [f"{method} {path} HTTP/1.1".encode("latin-1"), b"host: gateway", *headers]
    lines.append(b"connection: close")
    if framing == "length":
        lines.append(b"content-length: %d" % len(body))
    elif framing == "wrong":
        off = rng.choice([b"%d" % (len(body) // 2), b"-1", b"0x10", b"9" * 30, b"1, 2", b"+5", b""])
        lines.append(b"content-length: " + off)
    elif framing in {"chunks", "bad chunks"}:
        lines.append(b"transfer-encoding: chunked")
        body = _chunked(rng, body)
        body = broken(rng, body) if framing == "bad chunks" else body
    data = b"\r\n".join([*lines, b"", body])
    return broken(rng, data) if rng.random() < 0.08 else data


def _chunked(rng: random.Random, body: bytes) -> bytes:
    out, at = b"", 0
    while at < len(body):
        part = body[at : at + rng.choice([1, 10, 1_000, 4_000])]
        at += len(part)
        out += b"%x%s\r\n%s\r\n" % (len(part), rng.choice([b"", b";a=b"]), part)
    return out + b"0\r\n" + rng.choice([b"", b"trailer: x\r\n"]) + b"\r\n"


def large(rng: random.Random) -> Case:
    """A well-framed request with a large body."""
    if rng.random() < 0.25:
        name, body = rng.choice(list(forms().items()))
        headers = [b"content-type: multipart/form-data; boundary=x"]
        path = "/v1/audio/transcriptions"
    else:
        name, coding, body = large_body(rng)
        headers = [b"content-encoding: " + coding.encode()] if coding else []
        path = rng.choice(["/v1/chat/completions", "/v1/completions", "/v1/responses", "/tokenize"])
    lines = [f"POST {path} HTTP/1.1".encode(), b"host: gateway", *headers, b"connection: close"]
    lines.append(b"content-length: %d" % len(body))
    return Case(f"large: {name}", b"\r\n".join([*lines, b"", body]))
