"""The format that a request demands: JSON by a schema, a choice, an expression."""

import json
from typing import Any

import pytest

from predictor import Prompt

INNER = {"type": "object", "properties": {"street": {"type": "string"}, "town": {}}}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "homes": {"type": "array", "items": INNER}},
}
NAMED = {"name": "person", "schema": SCHEMA}


def read(**fields: Any) -> Prompt:
    return Prompt.from_request({"model": "m", "messages": [], **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "json_schema", "json_schema": NAMED}},
        {"text": {"format": {"type": "json_schema", **NAMED}}},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
        {"guided_json": SCHEMA},
        {"guided_json": json.dumps(SCHEMA)},
        {"structured_outputs": {"json": SCHEMA}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_schema_is_measured_and_its_properties_counted_at_all_depths(
    fields: dict[str, Any],
) -> None:
    prompt = read(**fields)
    assert prompt.json
    assert prompt.schema_fields == 4
    assert prompt.schema_chars == pytest.approx(len(json.dumps(SCHEMA)), rel=0.4)


@pytest.mark.parametrize(
    "fields",
    [{"response_format": {"type": "json_object"}}, {"structured_outputs": {"json_object": True}}],
    ids=str,
)
def test_json_may_be_demanded_without_a_schema(fields: dict[str, Any]) -> None:
    assert read(**fields).json
    assert read(**fields).schema_chars == 0


def test_text_is_no_demand() -> None:
    assert not read(response_format={"type": "text"}).json
    assert read().answer_limit is None


@pytest.mark.parametrize("field", ["guided_choice", "structured_outputs"])
def test_the_longest_choice_bounds_the_answer(field: str) -> None:
    def limit(*choices: str) -> int:
        value = choices if field == "guided_choice" else {"choice": choices}
        bound = read(**{field: value}).answer_limit
        assert bound is not None
        return bound

    assert 2 <= limit("yes", "no") <= 5
    assert limit("yes", "no", "cannot be said from what is given") > limit("yes", "no")
    assert limit("是", "不是") >= 2


def test_an_expression_bounds_the_answer_unless_it_repeats_without_end() -> None:
    year, long = read(guided_regex=r"\d{4}"), read(guided_regex=r"[a-z]{3,300}")
    assert year.answer_limit is not None
    assert long.answer_limit is not None
    assert year.answer_limit < 20
    assert long.answer_limit >= 300
    for endless in ("a+", "a*", "a{3,}", "(ab{9}){9}"):
        assert read(guided_regex=endless).answer_limit is None
    assert read(structured_outputs={"regex": r"\d{4}"}).answer_limit == year.answer_limit


def test_a_huge_schema_is_walked_in_part() -> None:
    nested: dict[str, Any] = {}
    for _ in range(5_000):
        nested = {"properties": {"a": nested, "b": {}}}
    wide: dict[str, Any] = {"properties": {f"field {number}": {} for number in range(100_000)}}
    assert 500 < read(guided_json=nested).schema_fields < 10_000
    assert read(guided_json=wide).schema_chars < 200_000
