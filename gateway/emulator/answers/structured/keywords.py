"""Whether the keywords of a JSON schema have values of the right kind, and where one has not."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from gateway.emulator.answers.structured.errors import FormatError

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def check_keywords(schema: Any, pointer: str = "#") -> None:
    """Refuse a keyword, anywhere within a schema, whose value is of the wrong kind.

    ``pointer`` is the JSON pointer to the schema. References are not followed.

    Raises:
        FormatError: names the keyword, the value and the place.
    """
    if not isinstance(schema, dict):
        return  # whoever reads the schema refuses what is none
    for keyword, value in schema.items():
        fits, kind = _KINDS.get(keyword, (None, ""))
        if fits and not fits(value):
            shown = json.dumps(value)
            shown = shown if len(shown) <= 40 else f"{shown[:40]}..."
            raise FormatError(f"{keyword!r} at {pointer} must be {kind}, not {shown}")
        for place, part in _parts(keyword, value):
            check_keywords(part, f"{pointer}/{keyword}{place}")


def _parts(keyword: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The schemas within the value of a keyword, with the rest of the pointer to each."""
    if keyword in _NAMED and isinstance(value, dict):
        for name, part in value.items():
            escaped = name.replace("~", "~0").replace("/", "~1")
            yield f"/{escaped}", part
    elif keyword in _LISTED and isinstance(value, list):
        yield from ((f"/{index}", part) for index, part in enumerate(value))
    elif keyword in _SINGLE:
        yield "", value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_type(value: Any) -> bool:
    given = value if isinstance(value, list) else [value]
    return bool(given) and all(one in TYPES for one in given)


def _is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_SINGLE = ("items", "additionalProperties", "additionalItems", "propertyNames")

_Kind = tuple[Callable[[Any], bool], str]
_COUNT: _Kind = (_is_count, "a whole number of at least 0")
_NUMBER: _Kind = (_is_number, "a number")
_TEXT: _Kind = (lambda value: isinstance(value, str), "a string")
_FLAG: _Kind = (lambda value: isinstance(value, bool), "true or false")
_LIST: _Kind = (_is_list, "a list that is not empty")
_SCHEMAS: _Kind = (lambda value: isinstance(value, dict), "an object of schemas")
_SCHEMA: _Kind = (_is_schema, "a schema")

_KINDS: dict[str, _Kind] = {
    "type": (_is_type, f"one of {', '.join(TYPES)}, or a list of them"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _COUNT),
    **dict.fromkeys(("minProperties", "maxProperties"), _COUNT),
    **dict.fromkeys(("pattern", "format", "$ref"), _TEXT),
    **dict.fromkeys(("uniqueItems", "nullable"), _FLAG),
    **dict.fromkeys(("enum", "anyOf", "oneOf", "allOf"), _LIST),
    "prefixItems": (lambda value: isinstance(value, list), "a list of schemas"),
    "required": (
        lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
        "a list of names",
    ),
    "properties": _SCHEMAS,
    "items": (lambda value: _is_schema(value) or isinstance(value, list), "a schema"),
    **dict.fromkeys(("additionalProperties", "additionalItems", "propertyNames"), _SCHEMA),
}
"""From a keyword to what its value must be, as a check and in words."""
