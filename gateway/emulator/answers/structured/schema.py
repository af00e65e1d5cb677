"""Reads a JSON schema: its references, the type of its values, and what is not followed."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from gateway.emulator.answers.structured.errors import FormatError
from gateway.emulator.answers.structured.keywords import check_keywords
from gateway.emulator.answers.structured.merge import Schema, meaning, merge

_KNOWN = frozenset(
    (
        "$ref",
        "type",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "properties",
        "required",
        "additionalProperties",
        "minProperties",
        "maxProperties",
        "propertyNames",
        "items",
        "prefixItems",
        "additionalItems",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "nullable",
    )
)
_TYPES = {
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
    "propertyNames": "object",
    "minProperties": "object",
    "items": "array",
    "prefixItems": "array",
    "minItems": "array",
    "maxItems": "array",
    "uniqueItems": "array",
    "minLength": "string",
    "maxLength": "string",
    "pattern": "string",
    "format": "string",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "number",
    "exclusiveMaximum": "number",
    "multipleOf": "number",
}
"""The type of the values that a keyword is about, for schemas that name no type."""

_MOST_REFERENCES = 100


class SchemaReader:
    """A whole schema, within which references are looked up."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._targets: dict[str, Any] = {}

    def read(self, part: Any) -> Schema:
        """A schema of the whole, or a part of it, with its reference and ``allOf`` put in.

        Raises:
            FormatError: it is no schema, or demands what the emulated model does not follow.
        """
        schema = self._checked(part)
        for _ in range(_MOST_REFERENCES):
            if "$ref" in schema:
                target = self._target(schema["$ref"])
                schema = merge(self._checked(target), _without(schema, "$ref"))
            elif "allOf" in schema:
                rest = _without(schema, "allOf")
                for one in schema["allOf"]:
                    rest = merge(rest, self._checked(one))
                schema = rest
            else:
                return schema
        raise FormatError("the schema refers to itself without an end")

    def _checked(self, schema: Any) -> Schema:
        if schema is True:
            return {}
        if not isinstance(schema, dict):
            raise FormatError(f"{str(schema)[:40]!r} is not a schema that a value can fit")
        said = meaning(schema)
        unknown = [key for key in said if key not in _KNOWN and not key.startswith("x-")]
        if unknown:
            raise FormatError(f"the keyword {unknown[0]!r} is not followed")
        return said

    def _target(self, reference: Any) -> Any:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise FormatError(f"the reference {reference!r} does not lead into the same schema")
        if reference not in self._targets:
            self._targets[reference] = target = self._found(reference)
            check_keywords(target, reference)  # a reference may lead to what is no schema
        return self._targets[reference]

    def _found(self, reference: str) -> Any:
        target = self._root
        for step in reference[1:].split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and name.isdigit() and int(name) < len(target):
                target = target[int(name)]
            elif isinstance(target, dict) and name in target:
                target = target[name]
            else:
                raise FormatError(f"the reference {reference!r} leads nowhere")
        return target


def types_of(schema: Schema) -> list[str]:
    """The types that a value may have; what a schema without a type is about."""
    given = schema.get("type")
    if given is not None:
        return list(given) if isinstance(given, list) else [given]
    about = [_TYPES[key] for key in schema if key in _TYPES]
    return about[:1] or ["string"]


def enum_values(schema: Schema) -> list[Any]:
    """The values of an ``enum`` that have one of the schema's types.

    Raises:
        FormatError: there is none.
    """
    if "type" not in schema:
        fits = list(schema["enum"])
    else:
        fits = [value for value in schema["enum"] if _is_of(value, types_of(schema))]
    if not fits:
        raise FormatError("an 'enum' has no value of its type")
    return fits


def _is_of(value: Any, kinds: list[str]) -> bool:
    if value is None:
        return "null" in kinds
    if isinstance(value, bool):
        return "boolean" in kinds
    if isinstance(value, int | float):
        return "number" in kinds or ("integer" in kinds and value == int(value))
    names: dict[type, str] = {str: "string", list: "array", dict: "object"}
    return names[type(value)] in kinds


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}
