"""The tools that a request offers and how it makes the model use them."""

import json
from typing import Any

import pytest

from predictor import Prompt

SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "description": "Its name"}}}
FUNCTION = {"name": "weather", "description": "The weather of a city", "parameters": SCHEMA}
TOOL = {"type": "function", "function": FUNCTION}


def read(**fields: Any) -> Prompt:
    return Prompt.from_request({"model": "m", "messages": [], "tools": [TOOL] * 3, **fields})


@pytest.mark.parametrize(
    "tool",
    [TOOL, {"type": "function", **FUNCTION}, {"name": "weather", "input_schema": SCHEMA}],
    ids=["chat", "responses", "anthropic"],
)
def test_tools_are_counted_and_measured(tool: dict[str, Any]) -> None:
    prompt = read(tools=[tool] * 3)
    assert prompt.tools == 3
    assert prompt.tool_chars == pytest.approx(len(json.dumps([tool] * 3)), rel=0.3)


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "function": {"name": "f"}},
        {"type": "function", "name": "f"},
        {"type": "any"},
        {"type": "tool", "name": "f"},
        {"type": "allowed_tools", "mode": "required", "tools": []},
    ],
    ids=str,
)
def test_a_choice_forces_a_call(choice: object) -> None:
    assert read(tool_choice=choice).forced_tool


@pytest.mark.parametrize("choice", [None, "auto", {"type": "auto"}, 7, []], ids=str)
def test_other_choices_force_nothing(choice: object) -> None:
    assert not read(tool_choice=choice).forced_tool
    assert read(tool_choice=choice).tools == 3


@pytest.mark.parametrize("choice", ["none", {"type": "none"}], ids=str)
def test_tools_that_must_not_be_used_are_none(choice: object) -> None:
    assert (read(tool_choice=choice).tools, read(tool_choice=choice).tool_chars) == (0, 0)


def test_parallel_calls_are_allowed_forbidden_or_unset() -> None:
    assert read().parallel_tools is None
    assert read(parallel_tool_calls=True).parallel_tools is True
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert read(tool_choice=choice).parallel_tools is False


def test_a_long_list_of_tools_is_measured_in_part_and_counted_whole() -> None:
    few, many = read(tools=[TOOL] * 10), read(tools=[TOOL] * 10_000)
    assert many.tools == 10_000
    assert many.tool_chars == 1_000 * few.tool_chars
