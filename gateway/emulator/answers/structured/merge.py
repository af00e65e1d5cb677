"""Several JSON schemas as one, for ``allOf`` and for what stands beside a ``$ref``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.emulator.answers.structured.errors import FormatError

Schema = dict[str, Any]

_NOTES = frozenset(
    (
        "$schema",
        "$id",
        "$anchor",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "discriminator",
        "$defs",
        "definitions",
        "contentEncoding",
        "contentMediaType",
        "strict",
        "example",
    )
)
"""Keywords that say nothing about a value. (``oneOf`` is chosen from without its discriminator.)"""


def merge(first: Schema, second: Schema) -> Schema:
    """A schema whose values fit both.

    Raises:
        FormatError: no way is known.
    """
    first, second = _closed(first, second), _closed(second, first)
    merged = dict(first)
    for key, value in second.items():
        if key in merged and merged[key] != value and key not in _NOTES:
            merged[key] = _both(key, merged[key], value)
        else:
            merged[key] = value
    return merged


def _closed(schema: Schema, other: Schema) -> Schema:
    """The schema without the properties that ``other`` forbids."""
    if other.get("additionalProperties") is not False or "properties" not in schema:
        return schema
    allowed = other.get("properties", {})
    kept = {name: value for name, value in schema["properties"].items() if name in allowed}
    return {**schema, "properties": kept}


def meaning(schema: Schema) -> Schema:
    """The schema without its notes."""
    return {key: value for key, value in schema.items() if key not in _NOTES}


def _both(key: str, first: Any, second: Any) -> Any:
    """One value of a keyword that says what two different ones say."""
    for keys, join in _JOINS:
        if key in keys:
            return join(first, second)
    raise FormatError(f"two different values of {key!r} for one value are not followed")


def _properties(first: Schema, second: Schema) -> Schema:
    shared = {name: {"allOf": [first[name], second[name]]} for name in first if name in second}
    return {**first, **second, **shared}


def _shared(given: Any, other: Any) -> list[Any]:
    first, second = _listed(given), _listed(other)
    # An integer is a number.
    both = [one for one in first if one in second or (one == "integer" and "number" in second)]
    both += [one for one in second if one == "integer" and "number" in first and one not in both]
    if not both:
        raise FormatError("no value fits two types, or two lists, that have nothing in common")
    return both


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, bool) or isinstance(second, bool):
        if first is False or second is False:
            return False
        return second if first is True else first
    return {"allOf": [first, second]}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_JOINS: tuple[tuple[tuple[str, ...], Callable[[Any, Any], Any]], ...] = (
    (("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    (("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
    (("required",), lambda first, second: list(dict.fromkeys([*first, *second]))),
    (("enum", "type"), _shared),
    (("properties",), _properties),
    (("items", "additionalProperties"), _joined),
    (("uniqueItems",), lambda first, second: first or second),
    (("allOf",), lambda first, second: [*first, *second]),
)
"""From keywords to how two values of each become one."""
