"""What a stream of events says, however its tokens are cut into events.

vLLM puts the tokens that wait for its own HTTP server into one event, so the cuts vary from run
to run. Events of several choices come in any order.
"""

from __future__ import annotations

import json
from typing import Any

TEXTS = {"content", "text", "delta", "arguments", "partial_json"}
"""Fields that hold a part of an answer's text."""
LISTS = {"token_ids", "tokens", "token_logprobs", "top_logprobs", "text_offset"}
"""Fields that hold one item for each token; so does ``content`` of a chat's ``logprobs``."""


def is_stream(items: list[Any]) -> bool:
    """Whether a list holds the events of a stream, parsed or as lines."""
    if all(isinstance(item, str) for item in items):
        return any(item.startswith("data: {") for item in items)
    return len(items) > 1 and all(isinstance(i, dict) for i in items) and any(map(is_delta, items))


def is_delta(event: dict[str, Any]) -> bool:
    """Whether an event holds a part of an answer."""
    choices = event.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return "message" not in choices[0] and event.get("object") != "chat.completion"
    return str(event.get("type")).endswith("delta")


def said(items: list[Any]) -> dict[str, Any]:
    """By choice, in order: the texts joined, and the other events, each kind once."""
    if isinstance(items[0], str):
        items = [json.loads(i[6:]) if i.startswith("data: {") else {"line": i} for i in items if i]
    groups: dict[str, Any] = {}
    for event in items:
        group = groups.setdefault(_group(event), {"joined": {}, "kinds": []})
        kind = _without_parts(event, group["joined"], "") if is_delta(event) else dict(event)
        kind.pop("sequence_number", None)
        if not group["kinds"] or _other(group["kinds"], kind):
            group["kinds"].append(kind)
    return dict(sorted(groups.items()))


def _group(event: dict[str, Any]) -> str:
    choices = event.get("choices")
    if isinstance(choices, list) and choices:
        return f"choice {choices[0].get('index')}"
    return "event"


def _other(kinds: list[dict[str, Any]], kind: dict[str, Any]) -> bool:
    """Whether the events before the last line do not already end with this kind."""
    recent = [json.dumps(known) for known in kinds[-2:]]
    return json.dumps(kind) not in recent


def _without_parts(value: Any, joined: dict[str, Any], path: str) -> Any:
    """A delta without the parts of the answer, which are added to ``joined``."""
    if isinstance(value, list):
        return [_without_parts(item, joined, path) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        place = f"{path}.{key}"
        if (key in TEXTS and isinstance(item, str)) or (
            (key in LISTS or place.endswith("logprobs.content")) and isinstance(item, list)
        ):
            joined[place] = joined[place] + item if place in joined else item
            kept[key] = "PART"
        elif key == "usage" and item and not _finishes(value):
            kept[key] = "COUNTS SO FAR"
        else:
            kept[key] = _without_parts(item, joined, place)
    return kept


def _finishes(event: dict[str, Any]) -> bool:
    choices = event.get("choices")
    return not choices or choices[0].get("finish_reason") is not None
