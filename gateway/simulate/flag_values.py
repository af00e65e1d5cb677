"""Numbers in flags: parses a number, or refuses it with the flag's name, bounds and a remedy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

Number = TypeVar("Number", int, float)


def number(
    kind: Callable[[str], Number], flag: str, text: str, least: float, most: float
) -> Number:
    """The number in ``text``, from ``least`` to ``most``; ``flag`` is written without dashes.

    Raises:
        ValueError: ``text`` is not such a number.
    """
    try:
        value = kind(text.strip())
    except ValueError:
        value = None
    if value is None or not math.isfinite(value) or not least <= value <= most:
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"--{flag}: {text.strip()!r}; give {what} from {least:g} to {most:g}")
    return value


def numbers(
    kind: Callable[[str], Number], flag: str, text: str, least: float, most: float
) -> list[Number]:
    """The numbers of a comma-separated list, without duplicates; see ``number``."""
    return list(dict.fromkeys(number(kind, flag, word, least, most) for word in text.split(",")))


def at_least(flag: str, value: int, least: int) -> None:
    """Refuse a value below ``least``.

    Raises:
        ValueError: ``value`` is below ``least``.
    """
    if value < least:
        raise ValueError(f"--{flag} {value}: give at least {least}")
