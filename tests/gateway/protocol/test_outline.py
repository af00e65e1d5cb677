"""Outlines of large bodies: little memory, and the same answers to what is asked of them later."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.protocol.openai import ApiRequest, parse
from gateway.protocol.outline import SHOWN, first_text, outlined
from gateway.scheduling.affinity import affinity

LONG = "word " * 30_000


def both(endpoint: str, fields: dict[str, Any]) -> tuple[ApiRequest, ApiRequest]:
    whole = parse(endpoint, "POST", "application/json", json.dumps(fields).encode())
    return whole, outlined(whole)


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        ("completions", {"prompt": [LONG, "b", ""], "n": 3, "stream": True}),
        ("completions", {"prompt": [[1, 2], [3]], "n": 2, "user": "me"}),
        ("completions", {"prompt": list(range(50_000)), "max_tokens": 7}),
        ("chat/completions", {"messages": [{"role": "user", "content": LONG}], "model": "m"}),
        ("chat/completions", {"messages": [{"content": [{"text": LONG}]}], "n": "4"}),
        ("responses", {"input": LONG, "instructions": LONG, "store": False}),
        ("messages", {"system": [{"text": LONG}], "messages": [], "stream": "true"}),
        ("completions", {"prompt": LONG, "stream": True, "stream_options": {"a": [1]}}),
    ],
)
def test_an_outline_answers_as_the_whole(endpoint: str, fields: dict[str, Any]) -> None:
    whole, outline = both(endpoint, fields)
    for name in ("model", "stream", "sequences", "max_tokens", "asks_usage_itself", "wants_usage"):
        assert getattr(outline, name) == getattr(whole, name), name
    for kind in ("prefix", "session"):
        assert affinity(kind, outline, {}) == affinity(kind, whole, {})
    assert outline.for_worker(3) == whole.for_worker(3)
    assert len(json.dumps(outline.fields)) < 3 * SHOWN + 5 * len(fields.get("prompt", ()))


def test_a_text_is_looked_for_however_deep_it_is() -> None:
    value: Any = "found"
    for _ in range(900):
        value = [{"content": value}]
    assert first_text(value) == "found"
    assert first_text([{"content": [{"text": "a"}], "text": "b"}]) == "a"


def test_a_text_is_looked_for_in_so_many_values() -> None:
    assert first_text([[]] * 1_000 + ["found"]) == "found"
    assert first_text([[[]] * 1_000] * 10 + ["too far"]) == ""
