"""What may differ between two answers to one request, and what may not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.vllm.clients.streams import is_stream, said

OWN_HEADERS = {"x-request-id", "server", "date"}
"""Headers that the gateway sets on every answer (gateway/README.md)."""
STREAM_HEADERS = {"cache-control", "x-accel-buffering"}
"""Headers that the gateway sets on streams."""
LENGTH = {"content-length", "transfer-encoding"}
"""The ids in an answer are as long as the client's `X-Request-Id`."""

_ID = re.compile(
    r"\b(chatcmpl-tool|chatcmpl|cmpl|resp|msg|call|toolu|rs|fc|req|run|lc_run)"
    r"[-_]+[0-9a-f]{8}[\w-]*"
)
_TIME = re.compile(r'("?(?:created(?:_at)?|completed_at)"?: ?)\d+(\.\d+)?')
_URL = re.compile(r"127\.0\.0\.1:\d+")
_TIMES = {"created", "created_at", "completed_at"}


def comparable(value: Any) -> Any:
    """A result without ids, times and the server's address."""
    if isinstance(value, dict):
        kept = {key: comparable(item) for key, item in value.items() if key not in _TIMES}
        if {"status", "headers", "lines"} <= kept.keys():
            own = OWN_HEADERS | STREAM_HEADERS
            kept["headers"] = [[n, v] for n, v in kept["headers"] if n not in own | LENGTH]
        return kept
    if isinstance(value, list):
        items = [comparable(item) for item in value]
        return said(items) if is_stream(items) else items
    if isinstance(value, str):
        return _URL.sub("HOST", _TIME.sub(r"\g<1>0", _ID.sub(r"\1-ID", value)))
    return value


def differences(first: Any, second: Any, path: str = "") -> Iterator[str]:
    """Say where two results differ; the order of keys counts."""
    if type(first) is not type(second):
        yield f"{path}: {first!r} | {second!r}"
    elif isinstance(first, dict):
        if list(first) != list(second):
            yield f"{path}: keys {list(first)} | {list(second)}"
        for key in first.keys() & second.keys():
            yield from differences(first[key], second[key], f"{path}.{key}")
    elif isinstance(first, list):
        if len(first) != len(second):
            yield f"{path}: {len(first)} items | {len(second)} items"
        for n, pair in enumerate(zip(first, second, strict=False)):
            yield from differences(*pair, f"{path}[{n}]")
    elif first != second:
        yield f"{path}: {first!r} | {second!r}"
