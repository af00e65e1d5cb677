"""Made-up values fit any schema that is followed, as the ``jsonschema`` library judges."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulator.answers.structured.errors import FormatError
from gateway.emulator.answers.structured.expression import draw_match
from gateway.emulator.answers.structured.values import ValueWriter

NAMES = st.sampled_from(["a", "b", "c", "name", "überschrift", "x-y", "0"])


def bounded(least: str, most: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Two bounds in order, one of them, or none."""

    def pair(drawn: tuple[Any, Any]) -> dict[str, Any]:
        return {least: min(drawn), most: max(drawn)}

    both = st.tuples(values, values).map(pair)
    return st.just({}) | both | values.map(lambda v: {least: v}) | values.map(lambda v: {most: v})


SIZES = st.integers(0, 5)
INTEGERS = st.integers(-1000, 1000)
NUMBERS = INTEGERS | st.floats(-1e6, 1e6, allow_nan=False)
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.just({}),
    st.just(True),
    st.just({"type": "null"}),
    st.just({"type": "boolean"}),
    st.lists(st.none() | INTEGERS | st.text(max_size=4), min_size=1).map(lambda v: {"enum": v}),
    st.text(max_size=5).map(lambda v: {"const": v}),
    bounded("minimum", "maximum", INTEGERS).map(lambda b: {"type": "integer", **b}),
    st.integers(1, 7).map(lambda m: {"type": "integer", "multipleOf": m}),
    bounded("minimum", "maximum", NUMBERS).map(lambda b: {"type": "number", **b}),
    INTEGERS.map(lambda b: {"type": "number", "exclusiveMinimum": b, "exclusiveMaximum": b + 1}),
    st.sampled_from([0.1, 0.5, 2.5]).map(lambda m: {"type": "number", "multipleOf": m}),
    bounded("minLength", "maxLength", SIZES).map(lambda b: {"type": "string", **b}),
    st.sampled_from([r"^[A-Z]{2}-\d{3,5}$", r"(foo|bar)+", r"\w+@\w+\.com"]).map(
        lambda p: {"type": "string", "pattern": p}
    ),
    st.lists(st.sampled_from(["string", "integer", "null"]), min_size=1, unique=True).map(
        lambda kinds: {"type": kinds}
    ),
)


def branches(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(NAMES, inner, max_size=4)
    objects = st.builds(
        lambda p, keep, others, least: {
            "type": "object",
            "properties": p,
            "required": [name for name in p if name in keep],
            "additionalProperties": others,
            "minProperties": min(least, len(p)),
        },
        properties,
        st.sets(NAMES),
        st.booleans() | inner,
        st.integers(0, 3),
    )
    arrays = st.builds(
        lambda items, sizes: {"type": "array", "items": items, **sizes},
        inner,
        bounded("minItems", "maxItems", SIZES),
    )
    tuples = st.lists(inner, max_size=3).map(lambda v: {"type": "array", "prefixItems": v})
    unions = st.lists(inner, min_size=1, max_size=3).map(lambda v: {"anyOf": v})
    return objects | arrays | tuples | unions


SCHEMAS = st.recursive(LEAVES, branches, max_leaves=8)


def write(schema: Any, chars: int = 100, seed: int = 0) -> Any:
    return json.loads(ValueWriter(schema, random.Random(seed)).text(chars))


@given(SCHEMAS, st.integers(0, 500), st.integers(0, 3))
def test_a_value_fits_its_schema(schema: Any, chars: int, seed: int) -> None:
    value = write(schema, chars, seed)
    jsonschema.Draft202012Validator(schema).validate(value)


TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "children", "next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
    "description": "a tree",
}


@pytest.mark.parametrize("seed", range(20))
def test_a_schema_that_refers_to_itself_has_finite_values(seed: int) -> None:
    jsonschema.validate(write(TREE, seed=seed), TREE)


def test_a_reference_and_what_stands_beside_it_both_count() -> None:
    schema = {
        "definitions": {"short": {"type": "string", "maxLength": 9}},
        "allOf": [
            {"properties": {"a": {"$ref": "#/definitions/short", "minLength": 7}}},
            {"properties": {"b": {"enum": [1, 2]}}, "required": ["a", "b"]},
        ],
        "type": "object",
    }
    jsonschema.validate(write(schema), schema)


def test_the_narrower_of_two_bounds_counts() -> None:
    wide, narrow = {"minimum": 0, "maximum": 100}, {"minimum": 60, "maximum": 61}
    for parts in ([wide, narrow], [narrow, wide]):
        assert write({"type": "integer", "allOf": parts}) in (60, 61)


def test_each_value_has_strings_of_its_own() -> None:
    schema = {"type": "array", "items": {"type": "string"}, "minItems": 2}
    strings = [text for seed in range(5) for text in write(schema, seed=seed)]
    assert len(set(strings)) == len(strings)


@pytest.mark.parametrize("chars", [200, 1000, 4000])
def test_free_strings_make_a_value_as_long_as_it_should_be(chars: int) -> None:
    schema = {
        "properties": {name: {"type": "string"} for name in "abc"},
        "required": ["a", "b", "c"],
    }
    text = ValueWriter(schema, random.Random(1)).text(chars)
    assert len(text) == pytest.approx(chars, rel=0.2)  # what JSON escapes is longer


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ({"not": {"type": "string"}}, "'not' is not followed"),
        ({"type": "object", "patternProperties": {"a": {}}}, "'patternProperties' is not followed"),
        ({"type": "string", "pattern": "(?=a)b"}, "not followed from"),
        ({"type": "string", "pattern": "("}, "is not a regular expression"),
        ({"type": "strange"}, "'type' at # must be one of"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"$ref": "https://example.com/schema"}, "does not lead into the same schema"),
        ({"$ref": "#"}, "refers to itself without an end"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no integer lies between"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "no string has 3 to 2"),
        ({"type": "array", "items": False, "minItems": 1}, "no array has"),
        (
            {"required": ["a"], "additionalProperties": False},
            "is not a schema that a value can fit",
        ),
        ({"type": "integer", "minimum": "one"}, "must be a number"),
        ({"type": "string", "minLength": 10**9}, "no string has"),
        ({"type": "object", "minProperties": 10**9}, "no object has"),
        ({"type": "array", "minItems": 10**9}, "no array has"),
        ({"type": "string", "pattern": "((a{999}){999}){999}"}, "texts that are too long"),
        ({"type": "string", "pattern": "((){9999}){9999}"}, "texts that are too long"),
        (False, "is not a schema that a value can fit"),
        ("text", "is not a schema that a value can fit"),
        (
            {
                "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"]}},
                "$ref": "#/$defs/a",
            },
            "no value of a reasonable size",
        ),
    ],
)
def test_what_cannot_be_followed_is_said(schema: Any, complaint: str) -> None:
    with pytest.raises(FormatError, match=re.escape(complaint)):
        write(schema)


@pytest.mark.parametrize(
    "pattern",
    [
        r"a|b|c",
        r"\d{4}-\d{2}-\d{2}",
        r"^(?:[a-z0-9]+\.)*[a-z]{2,6}$",
        r"[^a-c\s]{3}",
        r"(?P<x>\+?\d+)?[-.\]]",
        r"\w+@\w+\.com\n",
        r"\x41é{2}",
    ],
)
def test_a_match_matches(pattern: str) -> None:
    for seed in range(20):
        assert re.fullmatch(pattern, draw_match(pattern, random.Random(seed)))


@given(st.text(alphabet="ab01()[]{}|*+?^$\\.-,dwsbx", max_size=12))
def test_any_expression_is_followed_or_refused(pattern: str) -> None:
    try:
        text = draw_match(pattern, random.Random(0))
    except FormatError:
        return
    assert re.fullmatch(pattern, text)
