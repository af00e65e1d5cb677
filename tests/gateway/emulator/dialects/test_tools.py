"""Tool calls of the emulated model, in the three APIs that have them, read by the real clients."""

from __future__ import annotations

import json
from typing import Any, Literal

import anthropic
import jsonschema
import pytest
from openai import BadRequestError, OpenAI, pydantic_function_tool
from pydantic import BaseModel

from tests.gateway.emulator.workers import HELLO, fixed

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"enum": ["C", "F"]},
        "days": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2},
    },
    "required": ["city", "unit", "days"],
    "additionalProperties": False,
}


def function(name: str) -> dict[str, Any]:
    return {"name": name, "description": "Tells the weather.", "parameters": PARAMETERS}


CHAT_TOOLS: Any = [{"type": "function", "function": function(name)} for name in ("now", "later")]
RESPONSE_TOOLS: Any = [{"type": "function", "strict": True, **function("now")}]
CLAUDE_TOOLS: Any = [{"name": "now", "description": "Weather.", "input_schema": PARAMETERS}]


def check(arguments: str) -> None:
    jsonschema.validate(json.loads(arguments), PARAMETERS)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("auto", "tool_calls"),
        ("required", "tool_calls"),
        ({"type": "function", "function": {"name": "later"}}, "stop"),
    ],
)
def test_a_chat_calls_a_tool_with_fitting_arguments(
    client: OpenAI, choice: Any, reason: str
) -> None:
    fields: Any = {"model": "emulated", "messages": HELLO, "tools": CHAT_TOOLS, "seed": 1}
    answer = client.chat.completions.create(tool_choice=choice, extra_body=fixed(60), **fields)
    (choice_made,) = answer.choices
    (call,) = choice_made.message.tool_calls or []
    assert call.type == "function"
    check(call.function.arguments)
    # As in vLLM: the text is empty where the request demands a call, and the finish reason is
    # that of text where the request names the tool.
    assert choice_made.message.content == (None if choice == "auto" else "")
    assert choice_made.finish_reason == reason
    if isinstance(choice, dict):
        assert call.function.name == "later"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == pytest.approx(60, rel=0.2)


def test_a_schema_that_nothing_fits_leaves_text_where_no_call_is_demanded(client: OpenAI) -> None:
    odd = {"name": "odd", "parameters": {"type": "dict", "properties": {"a": {"type": "float"}}}}
    tools: Any = [{"type": "function", "function": odd}]
    fields: Any = {"model": "emulated", "messages": HELLO, "tools": tools}
    (choice,) = client.chat.completions.create(extra_body=fixed(60), **fields).choices
    assert choice.message.content
    assert not choice.message.tool_calls
    with pytest.raises(BadRequestError, match=r"cannot follow tools\[odd\]"):
        client.chat.completions.create(tool_choice="required", **fields)


def test_a_streamed_call_is_the_whole_call(client: OpenAI) -> None:
    fields: Any = {"model": "emulated", "messages": HELLO, "tools": CHAT_TOOLS, "seed": 1}
    fields |= {"tool_choice": "required", "parallel_tool_calls": True}
    whole = client.chat.completions.create(**fields)
    with client.chat.completions.stream(stream_options={"include_usage": True}, **fields) as stream:
        streamed = stream.get_final_completion()
    expected = [call.function for call in whole.choices[0].message.tool_calls or []]
    found = [call.function for call in streamed.choices[0].message.tool_calls or []]
    assert [(f.name, f.arguments) for f in found] == [(f.name, f.arguments) for f in expected]
    assert {f.name for f in found} == {"now", "later"}, "parallel calls"
    assert streamed.choices[0].finish_reason == "tool_calls"
    assert streamed.usage == whole.usage


def test_after_a_result_the_model_speaks_and_with_none_it_does_not_call(client: OpenAI) -> None:
    def said(messages: Any, **fields: Any) -> Any:
        answer = client.chat.completions.create(
            model="emulated", messages=messages, tools=CHAT_TOOLS, **fields
        )
        assert answer.choices[0].finish_reason == "stop"
        return answer.choices[0].message

    call = {"id": "c", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    asked = [*HELLO, {"role": "assistant", "tool_calls": [call]}]
    for message in (
        said([*asked, {"role": "tool", "tool_call_id": "c", "content": "Rain."}]),
        said(HELLO, tool_choice="none"),
    ):
        assert message.content
        assert not message.tool_calls


class Weather(BaseModel):
    """Tells the weather."""

    city: str
    unit: Literal["C", "F"]


def test_the_clients_parse_a_call(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="emulated", messages=HELLO, tools=[pydantic_function_tool(Weather)]
    )
    (call,) = answer.choices[0].message.tool_calls or []
    assert isinstance(call.function.parsed_arguments, Weather)


def test_a_limit_cuts_a_call(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="emulated", messages=HELLO, tools=CHAT_TOOLS, tool_choice="required", max_tokens=9
    )
    (choice,) = answer.choices
    assert choice.finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 9


def test_a_response_calls_a_tool_streamed_or_not(client: OpenAI) -> None:
    fields: Any = {"model": "emulated", "input": "Weather?", "tools": RESPONSE_TOOLS}
    fields["temperature"] = 0
    (item,) = client.responses.create(tool_choice="required", **fields).output
    assert item.type == "function_call"
    check(item.arguments)
    with client.responses.stream(**fields) as stream:
        events = list(stream)
        (streamed,) = stream.get_final_response().output
    assert streamed.type == "function_call"
    assert streamed.arguments == item.arguments
    assert [e.arguments for e in events if e.type == "response.function_call_arguments.done"] == [
        item.arguments
    ]
    output: Any = {"type": "function_call_output", "call_id": item.call_id, "output": "Rain."}
    fields["input"] = [item.to_dict(), output]
    assert client.responses.create(**fields).output_text


def test_a_message_uses_a_tool_streamed_or_not(claude: anthropic.Anthropic) -> None:
    fields: Any = {"model": "emulated", "messages": HELLO, "max_tokens": 500}
    fields |= {"tools": CLAUDE_TOOLS, "extra_body": {"temperature": 0}}
    whole = claude.messages.create(tool_choice={"type": "tool", "name": "now"}, **fields)
    (block,) = whole.content
    assert block.type == "tool_use"
    jsonschema.validate(block.input, PARAMETERS)
    assert whole.stop_reason == "tool_use"
    with claude.messages.stream(tool_choice={"type": "any"}, **fields) as stream:
        final = stream.get_final_message()
    (streamed,) = final.content
    assert streamed.type == "tool_use"
    assert streamed.input == block.input
    assert final.stop_reason == "tool_use"
    assert final.usage == whole.usage
    result = {"type": "tool_result", "tool_use_id": block.id, "content": "Rain."}
    fields["messages"] = [
        *HELLO,
        {"role": "assistant", "content": [block.to_dict()]},
        {"role": "user", "content": [result]},
    ]
    assert claude.messages.create(**fields).content[0].type == "text"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": []}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": CHAT_TOOLS, "tool_choice": "sometimes"}, "tool_choice"),
        (
            {
                "tools": CHAT_TOOLS,
                "tool_choice": {"type": "function", "function": {"name": "never"}},
            },
            "tool_choice",
        ),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools"),
        (
            {
                "tools": [
                    {"type": "function", "function": {"name": "f", "parameters": {"not": {}}}}
                ],
                "tool_choice": "required",
            },
            "tools[f]",
        ),
    ],
)
def test_tools_that_cannot_be_called_are_refused(
    client: OpenAI, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(model="emulated", messages=HELLO, extra_body=fields)
    assert refused.value.param == param
