"""Fields of parsed JSON as a type, or as absent where they have another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain, islice, repeat

Object = Mapping[str, object]

NOTHING: Object = {}

_MOST_NODES = 2_000  # values of a document that are walked; a usual tool has some 30
_MOST_SKETCHED = 20_000  # texts and numbers of a large document that are shown
_LONGEST = 200_000  # characters of a schema given as a string that are parsed
_PUNCTUATION = 4  # characters of quotes, colon and comma around a value


def mapping(value: object) -> Object:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else NOTHING


def items(value: object) -> Sequence[object]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list | tuple) else ()


def string(value: object) -> str:
    """The value if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """The value if it is a finite number of usual size, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None


def count(value: object, least: int = 1) -> int | None:
    """The whole part of a number of at least ``least``, else None."""
    read = number(value)
    return int(read) if read is not None and read >= least else None


def document(value: object) -> object:
    """The value; a string is parsed as JSON (None: it is none)."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value[:_LONGEST])
    except (ValueError, RecursionError):
        return None


def measure(value: object) -> tuple[int, int]:
    """Characters of a value written as JSON (roughly), and entries of its ``properties``.

    At most ``_MOST_NODES`` values are walked; the rest of a larger document does not count.
    """
    chars = fields = 0
    stack: list[tuple[str, object]] = [("", value)]
    for _ in range(_MOST_NODES):
        if not stack:
            break
        key, node = stack.pop()
        chars += len(key) + _PUNCTUATION + (len(node) if isinstance(node, str) else 0)
        fields += len(node) if key == "properties" and isinstance(node, Mapping) else 0
        if isinstance(node, Mapping):
            stack.extend(islice(node.items(), _MOST_NODES))
        elif isinstance(node, list | tuple):
            stack.extend(zip(repeat(""), islice(node, _MOST_NODES)))
    return chars, fields


def sketch(value: object) -> str:
    """The texts, names and numbers of a value, in no order; at most ``_MOST_SKETCHED`` of them.

    Unlike an encoder of JSON it lets other threads run, however large the value is.
    """
    parts: list[str] = []
    stack: list[object] = [value]
    while stack and len(parts) < _MOST_SKETCHED:
        node = stack.pop()
        if isinstance(node, Mapping):
            stack.extend(islice(chain.from_iterable(node.items()), 2 * _MOST_SKETCHED))
        elif isinstance(node, list | tuple):
            stack.extend(islice(node, _MOST_SKETCHED))
        else:
            parts.append(node if isinstance(node, str) else str(node))
    return '", "'.join(parts)
