"""AnswerReader: what the gateway reads of an answer, streamed or whole, in any dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.protocol.sse import Event

MOST_TOKENS = 2**31
"""Counts from here on are no counts."""

Json = Mapping[str, Any]


@dataclass(slots=True)
class Usage:
    """Tokens and finish reasons of an answer, by the worker's report."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    finish_reasons: set[str] = field(default_factory=set)
    """In the words of the chat API: ``stop``, ``tool_calls``, ``length``, ..."""

    def take(self, usage: object) -> bool:
        """Take the counts of a ``usage`` object; returns whether the object has any."""
        if not isinstance(usage, dict):
            return False
        prompt = count(usage, "prompt_tokens", "input_tokens")
        output = count(usage, "completion_tokens", "output_tokens")
        self.prompt_tokens = self.prompt_tokens if prompt is None else prompt
        self.output_tokens = self.output_tokens if output is None else output
        return prompt is not None or output is not None

    def bound(self, prompt_tokens: float, output_tokens: float) -> None:
        """Lower counts that are larger than the request allows: no engine makes such an answer."""
        self.prompt_tokens = int(min(self.prompt_tokens, prompt_tokens))
        self.output_tokens = int(min(self.output_tokens, output_tokens))


def count(counts: Json, *names: str) -> int | None:
    """The first of these fields that is a number of tokens."""
    for name in names:
        value = counts.get(name)
        if type(value) is int and 0 <= value < MOST_TOKENS:  # bool is a subclass of int
            return value
    return None


@dataclass(slots=True)
class AnswerReader:
    """Reads one answer. This class reads what all dialects share; it knows no end but [DONE]."""

    sequences: int = 1
    """Sequences that the answer has."""
    usage: Usage = field(default_factory=Usage)
    tokens: int = 0
    """Events of a stream that held text: about one token each."""
    unknown: int = 0
    """Events of a stream that hold data of no known kind: an answer that gets on, by no tokens."""
    error_status: int | None = None
    """The HTTP status of the error in the answer; None without an error."""
    done: bool = False
    """Whether the last event has come."""

    @property
    def running(self) -> int:
        """Sequences that have not been seen to end."""
        return self.sequences

    @property
    def longest(self) -> int:
        """Tokens of each sequence that has not been seen to end; an engine runs them in step."""
        return self.tokens // self.sequences

    @property
    def progress(self) -> int:
        """What grows as the answer gets on: tokens, events of no known kind, signs of the end."""
        return self.tokens + self.unknown + self.ended + self.done

    judges_ends = False
    """Whether an answer without an end is known to be cut."""

    @property
    def ended(self) -> bool:
        """Whether the answer has come to its end, be it an error."""
        return self.done or self.error_status is not None

    def read(self, event: Event) -> bool:
        """Read an event of a stream; returns whether the event holds usage and nothing else."""
        if event.data is None:
            if event.name:  # the first piece of a long event
                self._take_name(event.name)
            return False
        if event.data.startswith(b"[DONE]"):
            self.done = True
            return False
        if self._is_plain_token(event):
            self.tokens += 1
            return False
        if event.name == b"error":
            self.error_status = 500
        chunk = parsed(event.data)
        if chunk is None:
            self.unknown += bool(event.data)
            return False
        self._find_error(chunk)
        return self._take_chunk(event.name, chunk)

    def read_whole(self, answer: object) -> None:
        """Read an answer that is not streamed."""
        if not isinstance(answer, dict):
            return
        self._find_error(answer)
        self._take_whole(answer)

    def _is_plain_token(self, event: Event) -> bool:
        """Whether the event is seen to hold text alone, without a parse."""
        return False

    def _take_name(self, name: bytes) -> None:
        """Take an event that is too long to be read, by its name."""

    def _take_chunk(self, name: bytes, chunk: Json) -> bool:
        """Take a parsed event; returns whether it holds usage and nothing else."""
        self.tokens += 1
        self._take_whole(chunk)
        return False

    def _take_whole(self, answer: Json) -> None:
        """Take an answer that is not streamed."""
        self.usage.take(answer.get("usage"))

    def _find_error(self, chunk: Json) -> None:
        error = chunk.get("error")
        if error or "error" in (chunk.get("object"), chunk.get("type")):
            self.error_status = _status(error if isinstance(error, dict) else chunk)


def parsed(data: bytes) -> Json | None:
    """The JSON object in ``data``; None if there is none."""
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return chunk if isinstance(chunk, dict) else None


def _status(error: Json) -> int:
    """The HTTP status of an error: its code, else 400 for a bad request, else 500."""
    code = error.get("code", error.get("status"))
    if isinstance(code, int) and 400 <= code < 600:
        return code
    return 400 if error.get("type") in ("invalid_request_error", "BadRequestError") else 500
