"""Numbers within the bounds of a JSON schema."""

from __future__ import annotations

import math
import random
from typing import Any

from gateway.emulator.answers.structured.errors import FormatError

_SPREAD = 100  # from a bound to the other, where the schema has one only
_ATTEMPTS = 50


def draw_integer(schema: dict[str, Any], rng: random.Random) -> int:
    """A whole number that fits.

    Raises:
        FormatError: there is none.
    """
    least, most = _bounds(schema)
    step = schema.get("multipleOf", 1)
    if step != int(step):
        return int(_multiple(schema, rng, whole=True))
    low, high = math.ceil(least), math.floor(most)
    low += low == schema.get("exclusiveMinimum")
    high -= high == schema.get("exclusiveMaximum")
    first, last = -(-low // int(step)), high // int(step)
    if first > last:
        raise FormatError(f"no integer lies between {low} and {high}")
    return rng.randint(first, last) * int(step)


def draw_number(schema: dict[str, Any], rng: random.Random) -> int | float:
    """A number that fits.

    Raises:
        FormatError: none was found.
    """
    least, most = _bounds(schema)
    if "multipleOf" in schema:
        return _multiple(schema, rng, whole=False)
    for digits in (2, 2, 4, 8, 16):
        drawn = round(rng.uniform(least, most), digits)
        if _fits(drawn, schema):
            return drawn
    if _fits(least, schema):
        return least
    raise FormatError(f"no number was found between {least} and {most}")


def _multiple(schema: dict[str, Any], rng: random.Random, *, whole: bool) -> float:
    """A multiple of ``multipleOf``, as whoever checks it by a division finds it."""
    (least, most), step = _bounds(schema), schema["multipleOf"]
    first, last = math.ceil(least / step), math.floor(most / step)
    for _ in range(_ATTEMPTS):
        drawn = rng.randint(first, max(first, last)) * step
        exact = int(drawn / step) == drawn / step and (not whole or drawn == int(drawn))
        if exact and _fits(drawn, schema):
            return int(drawn) if drawn == int(drawn) else drawn
    raise FormatError(f"no multiple of {step} was found between {least} and {most}")


def _fits(number: float, schema: dict[str, Any]) -> bool:
    least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above = schema.get("exclusiveMinimum", -math.inf)
    below = schema.get("exclusiveMaximum", math.inf)
    return bool(least <= number <= most and above < number < below)


def _bounds(schema: dict[str, Any]) -> tuple[float, float]:
    """The least and the most, bounds that the number must not reach included."""
    least = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    most = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    if least == -math.inf:
        least = min(0, most - _SPREAD) if most < _SPREAD else 0
    if most == math.inf:
        most = max(_SPREAD, least + _SPREAD)
    return least, most
