"""The tools that requests offer, and the choice among them, under the names of all APIs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.emulator.answers.calls import Calls, Tool
from gateway.emulator.errors import VllmError

_FREE = ("auto", None)
_FORCED = ("required", "any")


def read_tools(tools: Iterable[Any] | None) -> tuple[Tool, ...]:
    """The functions that a request offers, from the tools of OpenAI's APIs or of Anthropic's.

    Raises:
        VllmError: 400, a tool is none, or is one that the server itself would have to run.
    """
    return tuple(_tool(tool) for tool in tools or ())


def _tool(given: Any) -> Tool:
    if not isinstance(given, dict):
        raise VllmError("tools must be a list of objects.", param="tools")
    kind = given.get("type", "custom" if "input_schema" in given else "function")
    function = given.get("function", given)
    if not isinstance(function, dict):
        raise VllmError("The function of each of the tools must be an object.", param="tools")
    schema = function.get("parameters", function.get("input_schema"))
    anthropic = kind == "custom" and "input_schema" in given
    if kind != "function" and not anthropic:
        message = f"The emulated model calls functions, no tools of type {kind!r}."
        raise VllmError(message, param="tools")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise VllmError("Each of the tools must have a name.", param="tools")
    if schema is not None and not isinstance(schema, dict):
        raise VllmError(f"The arguments of the tool {name!r} need a schema.", param="tools")
    return Tool(name, schema)


def choose_calls(
    tools: tuple[Tool, ...], choice: Any, *, parallel: bool | None, after_result: bool
) -> Calls | None:
    """The calls that an answer makes; None if it is text.

    Where the choice is free ("auto"), the emulated model calls a tool to answer a user, and
    answers in text when it has read a result (``after_result``). It calls two tools where the
    request asks for parallel calls; by default it calls one.

    Raises:
        VllmError: 400, the choice is none, or needs tools that are not there.
    """
    named = _named(choice)
    if named is None and choice not in (*_FREE, *_FORCED, "none"):
        message = f"Invalid value for `tool_choice`: {choice}!"
        raise VllmError(message, param="tool_choice")
    if not tools and (named is not None or choice in _FORCED):
        raise VllmError("When using `tool_choice`, `tools` must be set.", param="tool_choice")
    if choice == "none" or not tools or (choice in _FREE and after_result):
        return None
    if named is not None:
        tools = tuple(tool for tool in tools if tool.name == named)
        if not tools:
            message = f"The tool {named!r} of `tool_choice` is not one of `tools`."
            raise VllmError(message, param="tool_choice")
    several, free = bool(parallel) and named is None, choice in _FREE
    return Calls(tools, "tools", several=several, free=free)


def _named(choice: Any) -> str | None:
    """The name of the tool that must be called, of OpenAI's or Anthropic's ``tool_choice``."""
    if not isinstance(choice, dict) or choice.get("type") not in ("function", "tool", None):
        return None
    holder = choice.get("function", choice)
    name = holder.get("name") if isinstance(holder, dict) else None
    return name if isinstance(name, str) and name else None
