"""The JSON that the emulator writes: always valid, and always valid UTF-8.

A request may hold what answers must not: half of a surrogate pair ("\\ud800"), which UTF-8 cannot
encode, and numbers beyond a double (1e400), which JSON cannot write. Both may stand in fields that
answers and errors repeat.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse

_HALF_PAIR = re.compile(r"[\ud800-\udfff]")


def dumps(value: object) -> str:
    """A value as JSON without spaces; a number that is not finite becomes null."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))
    return escape_surrogates(text)


def spaced(value: object, default: Callable[[Any], Any] | None = None) -> str:
    """A value as JSON with spaces, as models write it; ``default`` is that of ``json.dumps``.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=default)
    return escape_surrogates(text)


def escape_surrogates(text: str) -> str:
    """JSON text with each half of a surrogate pair as an escape."""
    return text if text.isascii() else _HALF_PAIR.sub(lambda half: f"\\u{ord(half[0]):x}", text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class JsonReply(JSONResponse):
    """A whole answer or an error as JSON."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return dumps(content).encode()
