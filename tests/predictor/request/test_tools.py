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


@pytest.mark.parametrize("key", ["parameters", "input_schema", "inputSchema"])
def test_tools_that_the_system_message_describes_count_where_none_are_offered(key: str) -> None:
    described = json.dumps([{"name": name, key: SCHEMA} for name in ("weather", "time")])
    system = {"role": "system", "content": f"You can call these functions:\n{described}"}
    prompt = read(tools=[], messages=[system])
    assert prompt.tools == 2
    assert prompt.tool_chars > len(described)
    assert read(messages=[system]).tools == 3
    assert read(messages=[system], tool_choice="none").tools == 0
    plain = {"role": "system", "content": 'Name the "parameters" of the model.'}
    assert read(tools=[], messages=[plain]).tools == 0
