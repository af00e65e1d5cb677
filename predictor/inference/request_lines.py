"""Reads requests as JSON lines; the lines that have arrived form one batch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence

from predictor.features.definition import Prompt

_CHUNK = 1 << 17

Line = tuple[int, bytes]
"""The number of a line, from 1, and the bytes of the line."""


def batches(descriptor: int) -> Iterator[list[Line]]:
    """The lines of a file descriptor, in the groups in which they arrive, without blank lines.

    A reader of a pipe gets its forecasts at once, without waiting for a full batch.
    """
    number, rest = 1, b""
    while chunk := os.read(descriptor, _CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield [(number + index, line) for index, line in enumerate(whole) if line.strip()]
        number += len(whole)
    if rest.strip():
        yield [(number, rest)]


def read_requests(batch: Sequence[Line]) -> tuple[list[Prompt], str]:
    """The requests of a batch up to the first faulty line, and the fault ("": no fault).

    The fault names the line, the field and the remedy.
    """
    prompts: list[Prompt] = []
    for number, line in batch:
        try:
            body = json.loads(line)
        except (ValueError, RecursionError) as error:
            return prompts, f"line {number}: not JSON ({error}); give one JSON object a line"
        problem = _problem(body)
        if problem:
            return prompts, f"line {number}: {problem}"
        prompts.append(Prompt.from_request(body))
    return prompts, ""


def _problem(body: object) -> str:
    """The fault of ``body`` as a request; "" for none."""
    if not isinstance(body, Mapping):
        return 'not a JSON object; give {"model": ..., "messages": [...]}, or "prompt" or "input"'
    if not isinstance(body.get("model"), str):
        return "field model: give the name of the served model, a string"
    return _text_problem(body) or _limit_problem(body)


def _text_problem(body: Mapping[str, object]) -> str:
    if "messages" in body:
        return _messages_problem(body["messages"])
    for field, parts in (("prompt", "token ids"), ("input", "items")):
        if field in body:
            fits = isinstance(body[field], str | list)
            return "" if fits else f"field {field}: give a string or a list of {parts}"
    return "field messages: missing; give messages (chat), prompt (completion) or input (Responses)"


def _messages_problem(messages: object) -> str:
    if not isinstance(messages, list) or not messages:
        return 'field messages: give a list such as [{"role": "user", "content": "..."}]'
    for index, message in enumerate(messages):
        if not isinstance(message, Mapping):
            return f'field messages[{index}]: give an object with "role" and "content"'
        if not isinstance(message.get("content"), str | list | None):
            return f"field messages[{index}].content: give a string or a list of parts"
    return ""


def _limit_problem(body: Mapping[str, object]) -> str:
    for field in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        limit = body.get(field)
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            return f"field {field}: give a whole number of tokens or leave it out"
        if isinstance(limit, int) and limit < 1:
            return f"field {field}: give at least 1 or leave it out"
    return ""
