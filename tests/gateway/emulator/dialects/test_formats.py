"""Answers in a demanded format, in all four APIs, read by the real clients."""

from __future__ import annotations

import json
import re
from typing import Any

import anthropic
import jsonschema
import pytest
from openai import BadRequestError, OpenAI
from pydantic import BaseModel, Field

from tests.gateway.emulator.workers import HELLO, fixed


class Step(BaseModel):
    explanation: str
    output: float


class Solution(BaseModel):
    steps: list[Step] = Field(min_length=1)
    answer: int = Field(ge=0, le=9)
    note: str | None


SCHEMA = Solution.model_json_schema()


def test_chat_and_responses_parse_into_a_model(client: OpenAI) -> None:
    chat = client.chat.completions.parse(
        model="emulated", messages=HELLO, response_format=Solution, extra_body=fixed(80)
    )
    assert isinstance(chat.choices[0].message.parsed, Solution)
    assert chat.choices[0].finish_reason == "stop"
    response = client.responses.parse(model="emulated", input="x", text_format=Solution)
    assert isinstance(response.output_parsed, Solution)
    with client.responses.stream(model="emulated", input="x", text_format=Solution) as stream:
        assert isinstance(stream.get_final_response().output_parsed, Solution)


def test_a_message_parses_into_a_model(claude: anthropic.Anthropic) -> None:
    message = claude.messages.parse(
        model="emulated", messages=HELLO, max_tokens=4000, output_format=Step
    )
    assert isinstance(message.parsed_output, Step)


@pytest.mark.parametrize(
    "fields",
    [
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "s", "schema": SCHEMA},
            }
        },
        {"structured_outputs": {"json": SCHEMA}},
        {"structured_outputs": {"json": json.dumps(SCHEMA)}},
        {"guided_json": SCHEMA},
    ],
)
def test_a_schema_is_followed_under_each_name_streamed_or_not(
    client: OpenAI, fields: dict[str, Any]
) -> None:
    body = {**fields, "temperature": 0, "max_tokens": 2000}
    whole = client.completions.create(model="emulated", prompt="x", extra_body=body)
    jsonschema.validate(json.loads(whole.choices[0].text), SCHEMA)
    stream = client.completions.create(model="emulated", prompt="x", stream=True, extra_body=body)
    assert "".join(chunk.choices[0].text for chunk in stream) == whole.choices[0].text


def test_a_json_object_is_one_and_has_the_forced_length(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="emulated",
        messages=HELLO,
        response_format={"type": "json_object"},
        extra_body=fixed(200),
    )
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == pytest.approx(200, rel=0.2)


@pytest.mark.parametrize("fields", [{"ignore_eos": True}, {"min_tokens": 300}])
def test_json_that_must_be_longer_ends_in_white_space(
    client: OpenAI, fields: dict[str, Any]
) -> None:
    body = {"structured_outputs": {"json": {"type": "integer"}}, "max_tokens": 300, **fields}
    answer = client.chat.completions.create(model="emulated", messages=HELLO, extra_body=body)
    assert isinstance(json.loads(answer.choices[0].message.content or ""), int)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 300


def test_json_is_cut_at_the_limit(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="emulated",
        messages=HELLO,
        response_format={"type": "json_object"},
        max_tokens=5,
    )
    assert answer.choices[0].finish_reason == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.choices[0].message.content or "")


@pytest.mark.parametrize("name", ["structured_outputs.", "guided_"])
def test_a_choice_and_an_expression_are_followed(client: OpenAI, name: str) -> None:
    def said(kind: str, value: Any) -> str:
        holder = {"structured_outputs": {kind: value}} if "." in name else {name + kind: value}
        answer = client.chat.completions.create(model="emulated", messages=HELLO, extra_body=holder)
        return answer.choices[0].message.content or ""

    assert said("choice", ["yes", "no, never"]) in ("yes", "no, never")
    assert re.fullmatch(r"\d{3}-[a-z]+", said("regex", r"\d{3}-[a-z]+"))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "structural_tag"}}, "response_format.type"),
        ({"response_format": "json"}, "response_format"),
        ({"structured_outputs": {"grammar": "root ::= 'a'"}}, "structured_outputs.grammar"),
        ({"structured_outputs": {"choice": []}}, "structured_outputs.choice"),
        ({"structured_outputs": {"json": "{"}}, "structured_outputs.json"),
        ({"structured_outputs": {"regex": "a", "choice": ["b"]}}, "structured_outputs.choice"),
        ({"structured_outputs": {"regex": "(?!a)b"}}, "structured_outputs.regex"),
        ({"structured_outputs": {"choice": ["a"]}, "min_tokens": 9}, "min_tokens"),
        ({"guided_grammar": "root ::= 'a'"}, "guided_grammar"),
        ({"guided_json": {"not": {}}}, "guided_json"),
    ],
)
def test_a_format_that_is_not_followed_is_refused(
    client: OpenAI, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(model="emulated", messages=HELLO, extra_body=fields)
    assert refused.value.param == param
    assert param.split(".", maxsplit=1)[0] in refused.value.message
