"""Made-up values that fit a JSON schema, as text of about a wanted length."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from gateway.emulator.answers.structured.errors import FormatError
from gateway.emulator.answers.structured.expression import draw_match
from gateway.emulator.answers.structured.keywords import check_keywords
from gateway.emulator.answers.structured.merge import Schema, merge
from gateway.emulator.answers.structured.numbers import draw_integer, draw_number
from gateway.emulator.answers.structured.schema import SchemaReader, enum_values, types_of
from gateway.emulator.answers.structured.strings import FORMATS, draw_prose
from gateway.emulator.json_text import spaced

DEPTH = 6
"""From this depth on, values are as small as the schema allows."""

_DEEPEST = 40
_MOST_VALUES = 5_000
_LONGEST = 100_000  # characters that a string must have
_UNIQUE_ATTEMPTS = 50
_USUAL_CHARS = 16  # of a string without bounds
_INFINITE = 1 << 30
_NOT_A_SCHEMA = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What a value raises that is of another type than it should be, and that no check has found."""


@dataclass(slots=True)
class Prose:
    """A string whose length is free between two bounds, in characters."""

    least: int
    most: int
    chars: int


class ValueWriter:
    """Draws values for one schema.

    Raises:
        FormatError: from each method, the schema cannot be followed.
    """

    def __init__(self, schema: Any, rng: random.Random) -> None:
        self._reader = SchemaReader(schema)
        self._schema = schema
        self._rng = rng
        self._salt = rng.getrandbits(32)
        self._prose: list[Prose] = []
        self._values = 0

    def text(self, chars: int) -> str:
        """JSON text of about so many characters, as far as the schema has free strings."""
        try:
            check_keywords(self._schema)
            value = self._draw(self._schema, 0)
            self._stretch(chars - len(self._dumps(value)))
            return self._dumps(value)
        except FormatError:
            raise
        except RecursionError:
            raise FormatError("the schema is nested too deep") from None
        except _NOT_A_SCHEMA:
            raise FormatError("the schema holds a value that cannot be followed") from None

    def _dumps(self, value: Any) -> str:
        def prose(part: Any) -> str:
            assert isinstance(part, Prose)
            return draw_prose(random.Random(f"{self._salt}|{id_of[id(part)]}"), part.chars)

        id_of = {id(part): number for number, part in enumerate(self._prose)}
        return spaced(value, prose)

    def _stretch(self, more: int) -> None:
        """Share ``more`` characters (or fewer, below 0) among the free strings."""
        for index, prose in enumerate(self._prose):
            share = more // (len(self._prose) - index)
            chars = max(prose.least, min(prose.chars + share, prose.most), 0)
            more -= chars - prose.chars
            prose.chars = chars

    def _draw(self, schema: Any, depth: int) -> Any:
        self._values += 1
        if depth > _DEEPEST or self._values > _MOST_VALUES:
            raise FormatError("the schema has no value of a reasonable size")
        read = self._reader.read(schema)
        for union in ("anyOf", "oneOf"):
            if union in read:
                rest = {key: value for key, value in read.items() if key != union}
                return self._branch([merge(rest, {"allOf": [b]}) for b in read[union]], depth)
        if "const" in read:
            return read["const"]
        if "enum" in read:
            return self._rng.choice(enum_values(read))
        kinds = self._kinds(read, depth)
        return self._first([partial(self._typed, kind, read, depth) for kind in kinds])

    def _branch(self, branches: list[Schema], depth: int) -> Any:
        """A value of one branch; where values must be small, of the first that has one."""
        if depth < DEPTH:
            self._rng.shuffle(branches)
        else:
            branches.sort(key=self._size)
        return self._first([partial(self._draw, branch, depth + 1) for branch in branches])

    def _first(self, ways: list[Callable[[], Any]]) -> Any:
        """The value of the first way that leads to one; the error of the last, if none does."""
        error = FormatError("a union has no branch")
        for way in ways:
            known = len(self._prose)
            try:
                return way()
            except FormatError as problem:
                error = problem
                del self._prose[known:]
        raise error

    def _size(self, schema: Schema) -> int:
        """How much a schema demands, roughly; those that are none come last."""
        try:
            return len(json.dumps(self._reader.read(schema)))
        except FormatError:
            return _INFINITE

    def _kinds(self, schema: Schema, depth: int) -> list[str]:
        """The types of a value in the order of trial: by chance, or the smallest first."""
        kinds = types_of(schema)
        self._rng.shuffle(kinds)
        if depth >= DEPTH:
            kinds.sort(key=("object", "array").__contains__)
            kinds = ["null", *kinds] if schema.get("nullable") else kinds
        return kinds

    def _typed(self, kind: str, schema: Schema, depth: int) -> Any:
        drawn: dict[str, Callable[[], Any]] = {
            "null": lambda: None,
            "boolean": lambda: self._rng.random() < 0.5,
            "integer": lambda: draw_integer(schema, self._rng),
            "number": lambda: draw_number(schema, self._rng),
            "string": lambda: self._string(schema),
            "array": lambda: self._array(schema, depth),
            "object": lambda: self._object(schema, depth),
        }
        return drawn[kind]()

    def _string(self, schema: Schema) -> str | Prose:
        least, most = schema.get("minLength", 0), schema.get("maxLength", _INFINITE)
        if least > min(most, _LONGEST):
            raise FormatError(f"no string has {least} to {most} characters")
        if "pattern" in schema:
            return draw_match(schema["pattern"], self._rng, least=least, most=most)
        if draw := FORMATS.get(schema.get("format", "")):
            text = draw(self._rng)
            if not least <= len(text) <= most:
                raise FormatError(f"no {schema['format']} has {least} to {most} characters")
            return text
        self._prose.append(Prose(least, most, max(least, min(_USUAL_CHARS, most))))
        return self._prose[-1]

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        first = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        least, most = schema.get("minItems", 0), schema.get("maxItems", _INFINITE)
        if isinstance(rest, list):  # as in drafts before 2020
            first, rest = rest, schema.get("additionalItems", True)
        if rest is False:
            most = min(most, len(first))
        wanted = least if depth >= DEPTH else max(len(first), self._rng.randint(1, 3))
        count = max(least, min(wanted, most))
        if count > min(most, _MOST_VALUES):
            raise FormatError(f"no array has {least} to {most} items")
        schemas = [first[i] if i < len(first) else rest for i in range(count)]
        if not schema.get("uniqueItems"):
            return [self._draw(item, depth + 1) for item in schemas]
        return self._distinct(schemas, least, depth)

    def _distinct(self, schemas: list[Any], least: int, depth: int) -> list[Any]:
        items: list[Any] = []
        for schema in schemas:
            for _ in range(_UNIQUE_ATTEMPTS):
                item = self._draw(schema, depth + 1)
                if all(item is not one and not _same(item, one) for one in items):
                    items.append(item)
                    break
        if len(items) < least:
            raise FormatError(f"no {least} different items were found")
        return items

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        least, most = schema.get("minProperties", 0), schema.get("maxProperties", _INFINITE)
        names = [name for name in properties if depth < DEPTH or name in required]
        names += [name for name in required if name not in names]
        optional = [name for name in names if name not in required]
        while len(names) > most and optional:
            names.remove(optional.pop())
        others = schema.get("additionalProperties", True)
        names += [name for name in properties if name not in names][: max(0, least - len(names))]
        names += self._more_names(schema, names, max(least, int(not properties and depth < DEPTH)))
        if not least <= len(names) <= most:
            raise FormatError(f"no object has {least} to {most} properties")
        return {name: self._draw(properties.get(name, others), depth + 1) for name in names}

    def _more_names(self, schema: Schema, names: list[str], wanted: int) -> list[str]:
        """Names that the schema does not list, so that there are ``wanted``, if it allows some."""
        if schema.get("additionalProperties", True) is False or len(names) >= wanted:
            return []
        allowed = self._reader.read(schema.get("propertyNames", {}))
        if "enum" in allowed:
            free = [name for name in allowed["enum"] if name not in names]
            return free[: wanted - len(names)]
        if "const" in allowed or set(allowed) - {"type"}:
            raise FormatError("'propertyNames' is followed only where it lists the names")
        made = (f"key_{number}" for number in range(1, _MOST_VALUES))
        return list(islice((name for name in made if name not in names), wanted - len(names)))


def _same(one: Any, other: Any) -> bool:
    """Whether two values may turn out the same: two free strings do not where both are long."""
    if isinstance(one, Prose) and isinstance(other, Prose):
        return min(one.most, other.most) < _USUAL_CHARS
    return bool(one == other)
