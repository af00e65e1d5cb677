"""What stays of a request's fields while it waits."""

from __future__ import annotations

import json

from gateway.protocol.openai import parse
from gateway.protocol.outline import SHORT, at_rest


def test_a_request_at_rest_is_sent_on_as_it_came_and_takes_little_memory() -> None:
    fields = {
        "model": "m",
        "messages": [{"role": "user", "content": "a" * 9000}],
        "tools": [{"type": "function"}],
        "stop": [],
        "user": "b" * 9000,
        "n": 3,
        "stream": True,
        "max_tokens": 7,
    }
    request = parse("chat/completions", "POST", "application/json", json.dumps(fields).encode())
    lean = at_rest(request)
    assert lean.for_worker(5) == request.for_worker(5)
    assert (lean.sequences, lean.max_tokens, lean.stream) == (request.sequences, 7, True)
    assert len(str(lean.fields)) < 300
    assert len(lean.fields["user"]) == SHORT
    assert bool(lean.fields["tools"])
    assert not lean.fields["stop"]
    assert request.fields == fields
