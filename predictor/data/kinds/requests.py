"""Requests as a client would have sent them, made of the rows of a set.

Every prompt is read from a whole request body by ``Prompt.from_request``, as when serving. Where a
set tells only the size of a former answer, the body has a filler of that size in its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from predictor.prompt import CHARS_PER_TOKEN, Prompt

Row = Mapping[str, Any]
_TASK = "---\n\nTask:"
_MCP_TOOLS = ("route", "execute-tool")


def text_request(row: Row, prompt: Row) -> Prompt:
    """A chat of one user message; ``row`` is of the lengths, ``prompt`` of the prompts."""
    del row
    return _read([{"role": "user", "content": prompt["prompt"]}])


def messages_request(row: Row, prompt: Row) -> Prompt:
    """A chat of several messages."""
    del row
    return _read(json.loads(prompt["prompt"]))


def tools_request(row: Row, prompt: Row) -> Prompt:
    """A request with tools: offered as tools, or described in the system message."""
    body = json.loads(prompt["prompt"])
    if row["function_calling"]:
        return _read(body["messages"], [_tool(tool) for tool in body["tools"]])
    described = "You have these functions:\n" + json.dumps(body["tools"])
    return _read([{"role": "system", "content": described}, *body["messages"]])


def agent_request(row: Row, prompt: Row) -> Prompt:
    """A step of an agent that reads what its code printed as a user message."""
    return _step(row, prompt["prompt"], "user", [])


def mcp_request(row: Row, prompt: Row) -> Prompt:
    """A step of an agent that calls tools and reads their results."""
    return _step(row, prompt["prompt"], "tool", [_tool({"name": name}) for name in _MCP_TOOLS])


def _step(row: Row, task: str, role: str, tools: list[Row]) -> Prompt:
    messages: list[Row] = [{"role": "user", "content": task}]
    for turn in range(2, row["turn"] + 1):
        last = turn == row["turn"]
        answer = "x" * (CHARS_PER_TOKEN * max(1, row["prev_tokens"])) if last else ""
        messages.append({"role": "assistant", "content": answer})
        messages.append({"role": role, "content": row["last_message"] if last else ""})
    last_chars = CHARS_PER_TOKEN * row["last_message_tokens"]  # the set has its first 240
    return replace(
        _read(messages, tools), chars=CHARS_PER_TOKEN * row["context_tokens"], last_chars=last_chars
    )


def _read(messages: list[Row], tools: list[Row] | None = None) -> Prompt:
    return Prompt.from_request({"messages": messages, "tools": tools or []})


def _tool(function: Row) -> Row:
    return {"type": "function", "function": function}


def subject(prompt: Row) -> str:
    """The text by which near-duplicates of a request are found: its task, without examples.

    All turns of one conversation have the same subject.
    """
    text = str(prompt["prompt"])
    if _TASK in text:
        return text.rsplit(_TASK, 1)[1]
    if text.startswith(("[{", '{"messages"')):
        body = json.loads(text)
        messages = body if isinstance(body, list) else body["messages"]
        return str(messages[0]["content"])
    return text
