"""Affinity: which requests find their prefix cached at the same worker."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from gateway.protocol.openai import ApiRequest

PREFIX_CHARS = 4096
"""Of a system prompt or a first message, enough to tell it from others."""


def affinity(kind: str, request: ApiRequest, headers: Mapping[str, str]) -> str:
    """What requests have in common that find their prefix cached at one worker; "" for nothing.

    ``kind`` is the setting ``scheduling.affinity``. Sessions are named by the client; prefixes are
    the system prompt, or the first message where there is none, each for its model.
    """
    if kind == "none" or not request.generates:
        return ""
    shared = _session(request, headers) if kind == "session" else _prefix(request.fields)
    if not shared:
        return ""
    text = f"{request.model}\n{shared[:PREFIX_CHARS]}".encode("utf-8", "replace")
    return blake2b(text, digest_size=8).hexdigest()


def _session(request: ApiRequest, headers: Mapping[str, str]) -> str:
    given = {name.lower(): value for name, value in headers.items()}
    named = (given.get("x-session-id"), *map(request.fields.get, ("prompt_cache_key", "user")))
    return next((name for name in named if isinstance(name, str) and name), "")


def _prefix(fields: Mapping[str, Any]) -> str:
    """The text that stands first in the prompt, wherever this endpoint has it."""
    for name in ("system", "instructions", "messages", "input", "prompt"):
        if text := _first_text(fields.get(name)):
            return text
    return ""


def _first_text(value: Any) -> str:
    """The first text in a string, a message, or a list of those or of content parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return next((text for part in value if (text := _first_text(part))), "")
    if isinstance(value, dict):
        return _first_text(value.get("content")) or _first_text(value.get("text"))
    return ""
