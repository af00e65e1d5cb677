"""The output items of a response, and the events by which each is streamed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.emulator.answers.choice import Choice, Part
from gateway.emulator.dialects.usage import new_id

Event = dict[str, Any]
"""An event without its sequence number."""

_PREFIX = {"text": "msg_", "thoughts": "rs_", "call": "fc_"}
_PART_TYPE = {"text": "output_text", "thoughts": "reasoning_text"}
_DELTA = {
    "text": "response.output_text",
    "thoughts": "response.reasoning_text",
    "call": "response.function_call_arguments",
}


@dataclass(slots=True)
class OutputItem:
    """One part of the answer as an item of the response's ``output``, at ``index``."""

    part: Part
    index: int
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = new_id(_PREFIX[self.part.kind])

    def body(self, *, text: str | None, status: str | None = "completed") -> dict[str, Any]:
        """The item; ``text`` is None before there is any."""
        part = self.part
        if part.kind == "call":
            return {
                "arguments": text or "",
                "call_id": part.call_id,
                "name": part.name,
                "type": "function_call",
                "id": self.id,
                "async": None,
                "caller": None,
                "namespace": None,
                "status": status,
            }
        content = [self._content(text)] if text else []
        if part.kind == "text":
            named = {"id": self.id, "content": content, "role": "assistant"}
            return {**named, "status": status, "type": "message", "phase": None}
        thoughts = {"content": None if text is None else content, "encrypted_content": None}
        return {"id": self.id, "summary": [], "type": "reasoning", **thoughts, "status": status}

    def _content(self, text: str) -> dict[str, Any]:
        if self.part.kind == "thoughts":
            return {"text": text, "type": "reasoning_text"}
        return {"annotations": [], "text": text, "type": "output_text", "logprobs": None}

    def opening(self) -> list[Event]:
        """The events that begin the item."""
        item = self.body(text=None, status="in_progress")
        added = {"item": item, "output_index": self.index, "type": "response.output_item.added"}
        if self.part.kind == "call":
            return [added]
        part = {**self._content(""), **({"logprobs": []} if self.part.kind == "text" else {})}
        return [added, {**self._place(), "part": part, "type": "response.content_part.added"}]

    def delta(self, piece: str) -> Event:
        """The event of a piece of text."""
        event = {**self._place(), "delta": piece, "type": f"{_DELTA[self.part.kind]}.delta"}
        return {**event, "logprobs": []} if self.part.kind == "text" else event

    def closing(self) -> list[Event]:
        """The events that end the item."""
        text, kind = self.part.text, self.part.kind
        item = {"item": self.body(text=text), "output_index": self.index}
        done = {**item, "type": "response.output_item.done"}
        whole: Event = {**self._place(), "type": f"{_DELTA[kind]}.done"}
        if kind == "call":
            return [{**whole, "arguments": text, "name": self.part.name}, done]
        whole["text"] = text
        if kind == "text":
            whole["logprobs"] = []
        part = {**self._place(), "part": self._content(text), "type": "response.content_part.done"}
        return [whole, part, done]

    def _place(self) -> Event:
        place = {"item_id": self.id, "output_index": self.index}
        return place if self.part.kind == "call" else {**place, "content_index": 0}


def output_items(choice: Choice) -> list[OutputItem]:
    """The items of an answer."""
    return [OutputItem(part, index) for index, part in enumerate(choice.parts)]
