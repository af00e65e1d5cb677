"""The parts of a message: their text and their images, under the names of all APIs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gateway.emulator.errors import VllmError
from gateway.emulator.prompts.images import image_tokens

_TEXTS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "refusal": "refusal",
    "thinking": "thinking",
}
"""Types of parts with text, and the field that holds it."""

_MAY_BE_EMPTY = ("thinking", "summary_text", "reasoning_text")
_IMAGES = ("image_url", "input_image", "image", "image_pil", "image_embeds")
_NO_TEXT = ("redacted_thinking", "tool_reference")


def check_messages(messages: Sequence[object]) -> None:
    """Refuse a conversation without a message, as the chat templates of most models do.

    Raises:
        VllmError: 400.
    """
    if not messages:
        raise VllmError("messages must have at least one message.")


def read_parts(content: object, field: str) -> tuple[str, int]:
    """(text, tokens of images) of a message's content: a string, a list of parts, or nothing.

    Raises:
        VllmError: 400 that names ``field``, for a part that the emulated model cannot read.
    """
    if content is None:
        return "", 0
    if isinstance(content, str):
        return content, 0
    if not isinstance(content, list):
        raise VllmError(f"{field} must be a string or a list of parts.", param=field)
    read = [_read_part(part, field) for part in content]
    return "".join(text for text, _ in read), sum(tokens for _, tokens in read)


def _read_part(part: Any, field: str) -> tuple[str, int]:
    if isinstance(part, str):
        return part, 0
    if not isinstance(part, dict):
        raise VllmError(f"{field} has a part that is neither a string nor an object.", param=field)
    kind = str(part.get("type", "text"))
    if kind in _TEXTS:
        return _text(part, kind, field), 0
    if kind in _IMAGES:
        return "", image_tokens(part, field)
    if kind in _NO_TEXT:
        return "", 0
    if kind == "tool_use":
        return as_text({"name": part.get("name"), "arguments": part.get("input")}), 0
    if kind == "tool_result":
        return read_parts(part.get("content"), field)
    raise VllmError(
        f"The emulated model reads text and images, no parts of type {kind!r}.", param=field
    )


def _text(part: dict[str, Any], kind: str, field: str) -> str:
    """The text of a part that must have one; null is none, as in vLLM."""
    name = _TEXTS[kind]
    text = part.get(name, "" if kind in _MAY_BE_EMPTY else part)
    if text is not None and not isinstance(text, str):
        message = f"{field} has a part of type {kind!r} whose {name!r} is not a string."
        raise VllmError(message, param=field)
    return text or ""


def as_text(value: object) -> str:
    """A value as a chat template writes it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
