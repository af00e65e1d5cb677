"""Schemas that are none: the refusal names the keyword, its value and its place."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gateway.emulator.answers.structured.errors import FormatError
from gateway.emulator.answers.structured.values import ValueWriter

WRONG: list[tuple[Any, str]] = [
    ({"type": "number", "multipleOf": 0}, "'multipleOf' at # must be a number above 0, not 0"),
    ({"properties": {"a/b": {"minLength": "x"}}}, "'minLength' at #/properties/a~1b must be a"),
    ({"anyOf": 3}, "'anyOf' at # must be a list"),
    ({"anyOf": [{"items": {"maxItems": -1}}]}, "'maxItems' at #/anyOf/0/items must be a whole"),
    ({"type": ["integer", ["x"]]}, "'type' at # must be one of null"),
    ({"properties": []}, "'properties' at # must be an object of schemas, not []"),
    ({"required": "a"}, "'required' at # must be a list of names"),
    ({"enum": []}, "'enum' at # must be a list that is not empty"),
    ({"minimum": True}, "'minimum' at # must be a number, not true"),
    ({"pattern": 5}, "'pattern' at # must be a string"),
    ({"$ref": "#/enum/0", "enum": [{"minLength": "x"}]}, "'minLength' at #/enum/0 must be"),
    ({"items": {"additionalProperties": 1}}, "'additionalProperties' at #/items must be a schema"),
]


@pytest.mark.parametrize(("schema", "message"), WRONG)
def test_a_keyword_with_a_wrong_value_is_named_with_its_place(schema: Any, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        ValueWriter(schema, random.Random(1)).text(40)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "schema",
    [
        {"const": float("nan")},
        {"type": "number", "minimum": 1e308, "multipleOf": 1e-300},
    ],
)
def test_numbers_beyond_arithmetic_are_refused(schema: Any) -> None:
    with pytest.raises(FormatError):
        ValueWriter(schema, random.Random(1)).text(40)


@pytest.mark.parametrize("seed", range(20))
def test_a_type_that_cannot_be_followed_gives_way_to_another(seed: int) -> None:
    schema = {"type": ["integer", "string"], "pattern": "(?=a)b"}
    assert int(ValueWriter(schema, random.Random(seed)).text(40)) >= 0
