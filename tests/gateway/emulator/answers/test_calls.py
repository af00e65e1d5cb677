"""Which of the offered tools an answer calls, and with what arguments."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gateway.emulator.answers.calls import Calls, Tool
from gateway.emulator.errors import VllmError

CLEAR = Tool("clear", {"type": "object", "properties": {"city": {"type": "string"}}})
UNCLEAR = Tool("unclear", {"type": "object", "not": {"required": ["x"]}})


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {},
        {"type": "object"},
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {}, "required": [], "title": "Now", "$schema": "x"},
        {"properties": {}, "additionalProperties": True},
    ],
)
def test_a_function_without_parameters_gets_no_arguments(parameters: Any) -> None:
    (call,) = Calls((Tool("now", parameters),), "tools").parts(random.Random(1), 40)
    assert call.text == "{}"


@pytest.mark.parametrize(
    "parameters", [{"minProperties": 1}, {"additionalProperties": {"type": "string"}}]
)
def test_a_function_with_free_names_gets_arguments(parameters: Any) -> None:
    (call,) = Calls((Tool("note", parameters),), "tools").parts(random.Random(1), 40)
    assert call.text != "{}"


@pytest.mark.parametrize("several", [False, True])
def test_a_tool_that_can_be_followed_is_called_and_no_other(several: bool) -> None:
    for seed in range(20):
        calls = Calls((CLEAR, UNCLEAR), "tools", several=several)
        assert [call.name for call in calls.parts(random.Random(seed), 40)] == ["clear"]


def test_where_no_tool_can_be_followed_the_refusal_names_one() -> None:
    with pytest.raises(VllmError, match=r"tools\[unclear\]"):
        Calls((UNCLEAR,), "tools").parts(random.Random(1), 40)
