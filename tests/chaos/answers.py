"""What an answer of the gateway tells its client: ok, or an outcome of gateway/README.md."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from gateway.protocol.errors import ApiError, Shape

README = Path(__file__).parents[2] / "gateway" / "README.md"
LAST_EVENTS = {
    "chat/completions": (b"data: [DONE]",),
    "completions": (b"data: [DONE]",),
    "messages": (b'"message_stop"',),
    "responses": (b'"response.completed"', b'"response.incomplete"'),
}


class NoEnd(Exception):
    """An answer that is neither whole nor ends with an error."""


@cache
def codes_by_status() -> dict[int, frozenset[str]]:
    """The codes of each status, by the table in gateway/README.md, and workers' errors."""
    codes: dict[int, set[str]] = {status: set() for status in (429, 500, 502, 503, 504)}
    line = r"^\| ([\d, ]+) \| (`\w+`(?:, `\w+`)*) \|"
    for statuses, names in re.findall(line, README.read_text(encoding="utf-8"), re.MULTILINE):
        for status in statuses.split(","):
            codes.setdefault(int(status), set()).update(re.findall(r"\w+", names))
    for status, known in codes.items():
        known.add(f"worker_{status // 100}xx")
    return {status: frozenset(known) for status, known in codes.items()}


@cache
def codes_by_type() -> dict[str, frozenset[str]]:
    """The codes behind each of Anthropic's types of errors, which are all that a stream tells."""
    found: dict[str, frozenset[str]] = {}
    for status, codes in codes_by_status().items():
        error = json.loads(ApiError(status, "", code="").body(Shape.ANTHROPIC))
        kind = error["error"]["type"]
        found[kind] = found.get(kind, frozenset()) | codes
    return found


def possible_outcomes(endpoint: str, status: int, body: bytes, *, stream: bool) -> frozenset[str]:
    """The outcomes that the gateway may have counted for such an answer.

    Raises:
        NoEnd: the answer is cut, or its error has no known shape.
    """
    if status >= 400:
        return _of_error(_parsed(body), status)
    if not stream:
        _parsed(body)
        return frozenset({"ok"})
    last = body.rstrip().rpartition(b"\n\n")[2]
    if any(mark in last for mark in LAST_EVENTS[endpoint]):
        return frozenset({"ok"})
    data = last.rpartition(b"data: ")[2]
    if b'"error"' not in data:
        raise NoEnd(f"a stream that ends with {last[-200:]!r}")
    return _of_error(_parsed(data), None)


def _of_error(fields: dict[str, Any], status: int | None) -> frozenset[str]:
    error = fields.get("error")
    if not isinstance(error, dict):
        raise NoEnd(f"an error of status {status} without a reason: {fields}")
    code = error.get("code")
    if isinstance(code, str):
        return frozenset({code})
    if isinstance(code, int):  # vLLM's own: the status
        return frozenset({f"worker_{code // 100}xx"})
    known = codes_by_type().get(error.get("type", "")) if status is None else None
    known = known or codes_by_status().get(status or 0)
    if not known:
        raise NoEnd(f"an unknown error of status {status}: {fields}")
    return known


def output_tokens(body: bytes) -> int | None:
    """The count of output tokens that stands last in an answer; None without one."""
    counts = re.findall(rb'"(?:completion|output)_tokens": ?(-?\d+)', body)
    return int(counts[-1]) if counts else None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError:
        raise NoEnd(f"no JSON: {body[:200]!r}") from None
    if not isinstance(fields, dict):
        raise NoEnd(f"no object: {body[:200]!r}")
    return fields
