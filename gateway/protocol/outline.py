"""Outline: of a large body that has been read, what is still needed while it waits and runs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import replace
from sys import intern
from typing import Any

from gateway.protocol.openai import ApiRequest

SHOWN = 4096
"""Characters that stay of a text."""

SHORT = 64
"""Characters that stay of a text of a request that waits."""

_LIST, _OBJECT = [""], {"": ""}
"""What stays of all lists and of all objects that are not empty; nobody changes them."""

_LOOKED_AT = 2_000
"""Values that are looked at in search of a text."""

_KEPT = frozenset(("stream_options", "nvext"))
"""Fields that stay whole, since the gateway writes them anew."""


def outlined(request: ApiRequest) -> ApiRequest:
    """The request with fields that take little memory.

    Numbers, the beginnings of texts and the number of prompts stay, and all bytes of the body.
    Nothing is shared with ``request``, whose values may be freed.
    """
    fields = {
        name: deepcopy(value) if name in _KEPT else _outline(value)
        for name, value in request.fields.items()
    }
    return replace(request, fields=fields)


def at_rest(request: ApiRequest) -> ApiRequest:
    """The request with fields that take as little memory as may be, once its prompt is described.

    Numbers and short texts stay, and which lists and objects are empty.
    """
    lean = copy(request)  # ``replace`` would count the prompts of what is left
    fields = {
        intern(name): value if name in _KEPT else _trace(value)
        for name, value in request.fields.items()
    }
    object.__setattr__(lean, "fields", fields)
    return lean


def _trace(value: Any) -> Any:
    if isinstance(value, list | dict):
        return value and (_LIST if isinstance(value, list) else _OBJECT)
    return intern(value[:SHORT]) if isinstance(value, str) else value


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
