"""The conversation of a request, in each API's form."""

import json
from typing import Any

import pytest

from predictor import Prompt

TOOL_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
OPENAI = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "What is the weather?"},
    {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
    {"role": "tool", "tool_call_id": "c", "content": "rain, 7 degrees"},
]
RESPONSES = [
    {"role": "user", "content": [{"type": "input_text", "text": "What is the weather?"}]},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}'},
    {"type": "function_call_output", "call_id": "c", "output": "rain, 7 degrees"},
]
ANTHROPIC: list[dict[str, Any]] = [
    {"role": "user", "content": "What is the weather?"},
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "c", "content": "rain, 7 degrees"}],
    },
]
FORMS = {
    "chat": {"messages": OPENAI},
    "responses": {"input": RESPONSES, "instructions": "Be kind."},
    "anthropic": {"messages": ANTHROPIC, "system": [{"type": "text", "text": "Be kind."}]},
}


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
def test_each_api_says_the_same_of_a_tool_s_result(body: dict[str, object]) -> None:
    prompt = Prompt.from_request(body)
    assert (prompt.text, prompt.system, prompt.turns) == ("What is the weather?", "Be kind.", 1)
    assert (prompt.last_role, prompt.tool_results) == ("tool", 1)
    assert prompt.last_chars == len("rain, 7 degrees")
    assert prompt.first_chars == len(prompt.text)
    assert 20 < prompt.previous_chars < 60
    assert prompt.chars > prompt.last_chars + prompt.first_chars + len(prompt.system)


def test_the_last_answer_and_the_first_and_last_messages_are_measured() -> None:
    words = ["a" * 5, "b" * 70, "c" * 11, "d" * 13, "e" * 3]
    roles = ["user", "assistant", "user", "assistant", "user"]
    messages = [{"role": r, "content": w} for r, w in zip(roles, words, strict=True)]
    prompt = Prompt.from_request({"messages": messages})
    assert (prompt.first_chars, prompt.previous_chars, prompt.last_chars) == (5, 13, 3)
    assert (prompt.turns, prompt.chars, prompt.tool_results) == (3, 102, 0)


def test_only_results_after_the_last_user_message_count() -> None:
    messages = [*OPENAI, OPENAI[-1], {"role": "user", "content": "And tomorrow?"}]
    assert Prompt.from_request({"messages": messages[:-1]}).tool_results == 2
    assert Prompt.from_request({"messages": messages}).tool_results == 0


def test_words_of_a_person_beside_a_tool_s_result_are_a_user_s() -> None:
    content = [*ANTHROPIC[-1]["content"], {"type": "text", "text": "And tomorrow?"}]
    prompt = Prompt.from_request(
        {"messages": [*ANTHROPIC[:-1], {"role": "user", "content": content}]}
    )
    assert (prompt.text, prompt.turns, prompt.last_role) == ("And tomorrow?", 2, "user")


def test_a_message_without_text_leaves_the_last_words_of_the_person() -> None:
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
    messages = [{"role": "user", "content": "Describe the next picture"}, image]
    assert Prompt.from_request({"messages": messages}).text == "Describe the next picture"


def test_a_responses_request_may_be_a_string() -> None:
    prompt = Prompt.from_request(
        {"input": "Hi", "instructions": "Be brief.", "max_output_tokens": 9}
    )
    assert (prompt.text, prompt.system, prompt.chars, prompt.max_tokens) == (
        "Hi",
        "Be brief.",
        11,
        9,
    )


def test_arguments_as_text_or_as_an_object_have_a_like_length() -> None:
    arguments = {"city": "Ulm", "days": [1, 2, 3], "options": {"unit": "metric", "sun": True}}
    call = {"type": "tool_use", "name": "f", "input": arguments}
    given = Prompt.from_request({"messages": [{"role": "assistant", "content": [call]}]})
    assert given.previous_chars == pytest.approx(
        len(json.dumps({"name": "f", "arguments": arguments})), rel=0.3
    )
