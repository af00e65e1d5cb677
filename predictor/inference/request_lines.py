"""JSON lines in: whatever has arrived is one batch, so that a pipe is answered at once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence

from predictor.features.definition import Prompt

_CHUNK = 1 << 17

Line = tuple[int, bytes]
"""Number of the line, from 1, and its bytes."""


def batches(descriptor: int) -> Iterator[list[Line]]:
    """Lines of a file descriptor, in the groups in which they arrive; blank ones are left out."""
    number, rest = 1, b""
    while chunk := os.read(descriptor, _CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield [(number + at, line) for at, line in enumerate(whole) if line.strip()]
        number += len(whole)
    if rest.strip():
        yield [(number, rest)]


def read_requests(batch: Sequence[Line]) -> tuple[list[Prompt], str]:
    """The requests of a batch up to the first bad line, and what is wrong with that ("" if none).

    The message names the line, the field and the remedy.
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
    """What keeps ``body`` from being a request, or ""."""
    if not isinstance(body, Mapping):
        return 'not a JSON object; give {"model": ..., "messages": [...]} or {..., "prompt": ...}'
    if not isinstance(body.get("model"), str):
        return "field model: give the name of the served model, a string"
    if "messages" in body:
        return _messages_problem(body["messages"]) or _limit_problem(body)
    if "prompt" not in body:
        return "field messages: missing; give messages (chat) or prompt (completion)"
    if not isinstance(body["prompt"], str | list):
        return "field prompt: give a string or a list of token ids"
    return _limit_problem(body)


def _messages_problem(messages: object) -> str:
    if not isinstance(messages, list) or not messages:
        return 'field messages: give a list such as [{"role": "user", "content": "..."}]'
    for at, message in enumerate(messages):
        if not isinstance(message, Mapping):
            return f'field messages[{at}]: give an object with "role" and "content"'
        if not isinstance(message.get("content"), str | list | None):
            return f"field messages[{at}].content: give a string or a list of parts"
    return ""


def _limit_problem(body: Mapping[str, object]) -> str:
    for field in ("max_tokens", "max_completion_tokens"):
        limit = body.get(field)
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
            return f"field {field}: give a whole number of tokens or leave it out"
        if isinstance(limit, int) and limit < 1:
            return f"field {field}: give at least 1 or leave it out"
    return ""
