"""Reads ``/v1/models``: entries that clients can be shown, by name."""

from __future__ import annotations

import json
from typing import Any

MOST_BYTES = 2**20
"""Bytes of the longest list that is read: it is parsed between the tokens of all streams."""

MOST_MODELS = 1000
"""Models of a server that are used, the first ones: each is a label of the gateway's metrics."""

_LONGEST_NAME = 1000
"""Characters of the longest model name that is believed."""


def parse_models(body: bytes) -> tuple[dict[str, dict[str, Any]], int]:
    """Model name -> entry, and the number of entries that are not used: without a usable name or
    content, or beyond ``MOST_MODELS``.

    Raises:
        ValueError: the body is not a list of models, or none of its models is usable.
    """
    if len(body) > MOST_BYTES:
        raise ValueError(f"has more than {MOST_BYTES} bytes")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    entries = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise ValueError('has no list "data"')
    models: dict[str, dict[str, Any]] = {}
    unusable = max(0, len(entries) - MOST_MODELS)
    for entry in entries[:MOST_MODELS]:
        if not _usable(entry):
            unusable += 1
        else:
            models.setdefault(entry["id"], entry)
    if not models:
        raise ValueError("names no model")
    return models, unusable


def _usable(entry: object) -> bool:
    """Whether the entry has a name and can be passed on as JSON in UTF-8, without NaN."""
    name = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        return False
    try:
        json.dumps(entry, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True
