"""Numbers in flags of commands: within bounds, or refused with the bounds."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TypeVar

Number = TypeVar("Number", int, float)

SECONDS = (0.001, 1e6)
"""Least and most seconds of a wait."""

PORTS = (0, 65_535)


def number_from(
    kind: Callable[[str], Number], least: float, most: float
) -> Callable[[str], Number]:
    """The ``type`` of a flag with a number of this ``kind``, from ``least`` to ``most``."""

    def parse(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not math.isfinite(value) or not least <= value <= most:
            what = "a whole number" if kind is int else "a number"
            raise ArgumentTypeError(f"{text[:40]!r}; give {what} from {least:.10g} to {most:.10g}")
        return value

    return parse
