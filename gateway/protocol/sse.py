"""Server-sent events of a worker: split, counted, and searched for usage and finish reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_EVENT_END = re.compile(rb"\n\n|\r\n\r\n")

_MARKS = (b'"usage":{', b'"usage": {', b'"finish_reason":"', b'"finish_reason": "')
"""Texts that mark an event with usage or a finish reason. Only marked events are parsed."""


@dataclass(slots=True)
class Usage:
    """Tokens and finish reasons of an answer, by the worker's report."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    finish_reasons: set[str] = field(default_factory=set)

    def read(self, answer: Any) -> None:
        """Take token counts and finish reasons from a whole answer or from one chunk."""
        if not isinstance(answer, dict):
            return
        if isinstance(answer.get("response"), dict):  # the last event of a Responses stream
            answer = answer["response"]
        usage = answer.get("usage")
        if isinstance(usage, dict):
            self.prompt_tokens = _count(usage, "prompt_tokens", "input_tokens")
            self.output_tokens = _count(usage, "completion_tokens", "output_tokens")
        choices = answer.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and isinstance(choice.get("finish_reason"), str):
                self.finish_reasons.add(choice["finish_reason"])


def _count(usage: dict[str, Any], *names: str) -> int:
    return next((usage[n] for n in names if isinstance(usage.get(n), int)), 0)


@dataclass(slots=True)
class EventStream:
    """Cuts a byte stream into whole events and parses the few that hold usage or a finish reason.

    Most events hold the text of one token; such events are counted and not parsed.
    """

    hide_usage: bool
    """Whether to leave out the chunk that holds nothing but usage."""
    usage: Usage = field(default_factory=Usage)
    tokens: int = 0
    """Data events so far. An event of vLLM holds about one token."""
    failed: bool = False
    """Whether one of the events was an error."""
    rest: bytes = b""
    """Bytes of an event that is not complete yet."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The events completed by ``data``, as the worker sent them."""
        buffer = self.rest + data if self.rest else data
        start = 0
        for end in _EVENT_END.finditer(buffer):
            event, start = buffer[start : end.end()], end.end()
            if not self._read(event):
                yield event
        self.rest = buffer[start:]

    def _read(self, event: bytes) -> bool:
        """Count and parse an event; returns whether to hide the event from the client."""
        if event.startswith(b"event: "):  # Responses and Messages name their events
            event = event.partition(b"\n")[2]
        if not event.startswith(b"data: {"):
            return False
        self.failed = self.failed or is_error(event)
        usage_only = False
        if any(mark in event for mark in _MARKS):
            chunk = _parse(event)
            self.usage.read(chunk)
            usage_only = chunk.get("choices") == [] and bool(chunk.get("usage"))
        self.tokens += not usage_only
        return usage_only and self.hide_usage


def is_error(event: bytes) -> bool:
    """Whether an event is an error of the worker."""
    return event.startswith((b'data: {"error"', b'data: {"object":"error"'))


def _parse(event: bytes) -> dict[str, Any]:
    try:
        chunk = json.loads(event[len(b"data: ") :])
    except ValueError:
        return {}
    return chunk if isinstance(chunk, dict) else {}
