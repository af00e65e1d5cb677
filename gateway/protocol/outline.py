"""Outline: of a large body that has been read, what is still needed while it waits and runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.protocol.openai import ApiRequest

SHOWN = 4096
"""Characters that stay of a text."""

_LOOKED_AT = 2_000
"""Values that are looked at in search of a text."""

_KEPT = frozenset(("stream_options",))
"""Fields that stay whole, since the gateway writes them anew."""


def outlined(request: ApiRequest) -> ApiRequest:
    """The request with fields that take little memory.

    Numbers, the beginnings of texts and the number of prompts stay, and all bytes of the body.
    """
    fields = {
        name: value if name in _KEPT else _outline(value) for name, value in request.fields.items()
    }
    return replace(request, fields=fields)


def _outline(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], str | list):
        return [first_text(value)[:SHOWN], *[""] * (len(value) - 1)]
    if isinstance(value, list | dict):
        text = first_text(value)[:SHOWN]
        return [{"content": text}] if text else type(value)()
    return value[:SHOWN] if isinstance(value, str) else value


def first_text(value: Any) -> str:
    """The first text in a string, in a message, or in a list of messages or content parts.

    Among so many values, however deep: clients decide how both are.
    """
    waiting = [value]
    for _ in range(_LOOKED_AT):
        if not waiting:
            break
        value = waiting.pop()
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list):
            waiting += value[_LOOKED_AT::-1]
        elif isinstance(value, Mapping):
            waiting += (value.get("text"), value.get("content"))
    return ""
