"""JSON values as the text that chat templates make of them."""

from __future__ import annotations

import json

from predictor.request.fields import measure, sketch

_ENCODED = 7_500
"""Characters of a value up to which it is encoded; ``measure`` has then walked all of it."""

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def json_text(value: object) -> str:
    """The value as chat templates write it."""
    if isinstance(value, str):
        return value
    try:
        return _ENCODER.encode(value)
    except (ValueError, RecursionError):
        return ""


def json_in_part(value: object) -> str:
    """The same, where it may be so large that it stops the event loop: roughly, and in part."""
    return json_text(value) if measure(value)[0] < _ENCODED else sketch(value)
