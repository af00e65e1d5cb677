"""Affinity: the group of requests whose prompts have the same prefix in a worker's cache."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from gateway.protocol.headers import first_values
from gateway.protocol.openai import ApiRequest
from gateway.protocol.outline import SHOWN, first_text

PREFIX_CHARS = SHOWN
"""Characters of a system prompt or a first message that identify the prefix."""


def affinity(kind: str, request: ApiRequest, headers: Mapping[str, str]) -> str:
    """The group of a request, as a hash; "" for none. A group has requests of one model only.

    ``kind`` is the setting ``scheduling.affinity``. A group is one session, which the client names,
    or one prefix, which is the system prompt or else the first message.
    """
    if kind == "none" or not request.generates:
        return ""
    shared = session_of(request, headers) if kind == "session" else _prefix(request.fields)
    if not shared:
        return ""
    text = f"{request.model}\n{shared[:PREFIX_CHARS]}".encode("utf-8", "replace")
    return blake2b(text, digest_size=8).hexdigest()


def session_of(request: ApiRequest, headers: Mapping[str, str]) -> str:
    """The name of the session that the client gives, "" without one."""
    values = first_values(headers)
    names = (values.get("x-session-id"), *map(request.fields.get, ("prompt_cache_key", "user")))
    return next((name for name in names if isinstance(name, str) and name), "")


def _prefix(fields: Mapping[str, Any]) -> str:
    """The text at the beginning of the prompt, under the name that the endpoint uses."""
    for name in ("system", "instructions", "messages", "input", "prompt"):
        if text := first_text(fields.get(name)):
            return text
    return ""
